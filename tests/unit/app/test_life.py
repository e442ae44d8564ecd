"""The life of one question against a real log: what leaves was checked and logged before, whatever happens."""

import asyncio
import json

import pytest

from app.auth import Role
from app.settings import Limits
from audit import query
from audit.keyring import KeyRing
from audit.proof import check_receipt
from deployments.generation import Piece
from deployments.ports import ServiceUnavailable


def proven(world, receipt: str) -> dict:
    """The leaf that a receipt proves with the public key alone."""
    return check_receipt(receipt, KeyRing.parse((world.root / "log.vkey").read_text())).leaf


def rows(world, *, with_keys: bool = True) -> list[dict]:
    return query.query(world.root, "from exchanges", world.keys_dir if with_keys else None).to_pylist()


def events(body: str) -> list[dict]:
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]


async def test_an_answer_is_logged_window_by_window_and_carries_its_receipt(world) -> None:
    answer = (await world.ask()).json()
    assert answer["choices"][0]["message"]["content"] == world.model.text
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["preceptor"]["action"] == "ALLOW"
    kinds = world.kinds()
    assert kinds[0] == "request"
    assert kinds[-1] == "answer"
    assert kinds.count("window") >= 2
    leaf = proven(world, answer["preceptor"]["receipt"])
    assert leaf["kind"] == "answer"
    assert leaf["request_id"] == answer["preceptor"]["request_id"]


@pytest.mark.parametrize("seed", [0, -5, 2**53, 2**63 - 1, -(2**63)])
async def test_every_64_bit_seed_is_taken_and_logged(world, seed: int) -> None:
    assert (await world.ask(seed=seed)).status_code == 200
    assert str(seed) in str(world.exchange.log.tail(0)[1]["fields"]["params"])


async def test_streamed_and_whole_answers_are_equal(world) -> None:
    whole = (await world.ask(seed=1)).json()["choices"][0]["message"]["content"]
    streamed = await world.ask(seed=1, stream=True, stream_options={"include_usage": True})
    chunks = events(streamed.text)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == whole
    closing = next(c for c in chunks if c["choices"] and c["choices"][0]["finish_reason"])
    assert closing["preceptor"]["receipt"].startswith("c2sp.org/tlog-proof@v1")
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0
    assert streamed.text.endswith("data: [DONE]\n\n")


async def test_the_view_shows_question_and_answer_to_whoever_holds_the_keys(world) -> None:
    await world.ask("Why do stacks grow down?")
    seen = rows(world)
    assert [row["response"] for row in seen] == [world.model.text]
    assert "Why do stacks grow down?" in seen[0]["prompt"]
    assert rows(world, with_keys=False)[0]["response"] is None


async def test_a_refusal_is_400_with_clause_and_receipt_and_the_model_is_never_asked(world) -> None:
    answer = await world.ask("Please HARMWORD now")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "content_filter"
    assert error["preceptor"]["verdict"]["category"] == "harmful_operational"
    assert world.kinds() == ["request", "refusal"]
    assert world.model.asked == []
    assert proven(world, error["preceptor"]["receipt"])["kind"] == "refusal"


async def test_a_lesson_comes_first_and_its_pass_unlocks_the_answer(world) -> None:
    first = (await world.ask("LABWORD in my lab")).json()
    lesson = first["preceptor"]["lesson"]
    assert first["preceptor"]["action"] == "TEACH"
    assert lesson["questions"]
    assert lesson["text"] in first["choices"][0]["message"]["content"]
    assert world.kinds() == ["request", "lesson"]
    passed = await world.http.post(lesson["pass_url"], json={"answers": ["mine", "scope", "logs"]})
    assert passed.status_code == 200
    again = (await world.ask("LABWORD in my lab")).json()
    assert again["preceptor"]["lesson"] is None
    assert again["choices"][0]["message"]["content"] == world.model.text


async def test_a_pass_never_unlocks_a_refusal(world) -> None:
    await world.http.post("/v1/lessons/authorised-testing/pass", json={"answers": []})
    await world.ask("x")
    assert (await world.ask("HARMWORD LABWORD")).status_code == 400


async def test_without_acceptance_nothing_is_answered(world) -> None:
    world.http.headers["authorization"] = f"Bearer {world.key('bob')}"
    answer = await world.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "terms_not_accepted")
    assert world.kinds() == []


async def test_a_violation_in_the_answer_ends_it_before_the_window_leaves(world) -> None:
    world.model.text = (
        "First a harmless sentence of some words stands here. Then HARMWORD comes in this one. And more text."
    )
    answer = (await world.ask()).json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert "HARMWORD" not in answer["choices"][0]["message"]["content"]
    assert answer["preceptor"]["action"] == "REFUSE"
    assert world.kinds()[-1] == "answer"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_log_down_means_503_and_not_one_token(world, stream: bool) -> None:
    world.exchange.down = True
    answer = await world.ask(stream=stream)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "buffer" not in answer.text.lower()


async def test_the_log_going_down_mid_answer_stops_the_answer(world) -> None:
    world.model.pause_s = 0.01
    request = asyncio.create_task(world.ask(stream=True))
    while "window" not in world.kinds():
        await asyncio.sleep(0.005)
    world.exchange.down = True
    body = (await request).text
    sent = "".join(c["choices"][0]["delta"].get("content", "") for c in events(body) if c.get("choices"))
    assert events(body)[-1]["error"]["code"] == "log_unavailable"
    logged = "".join(row["response"] or "" for row in rows(world))
    assert logged.startswith(sent)


async def test_a_guard_that_raises_is_a_fault_logged_as_unchecked(world) -> None:
    world.scorer.error = RuntimeError("broken")
    answer = await world.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "guard_unavailable")
    assert answer.headers["retry-after"]
    assert world.kinds() == ["request", "fault"]
    assert world.model.asked == []


async def test_a_guard_that_hangs_is_a_fault(make_world) -> None:
    world = await make_world(Limits(guard_timeout_s=0.3))
    world.scorer.hang = True
    assert (await world.ask()).json()["error"]["code"] == "guard_unavailable"


async def test_a_guard_that_breaks_mid_answer_lets_no_more_out(world) -> None:
    world.model.pause_s = 0.01
    request = asyncio.create_task(world.ask(stream=True))
    while "window" not in world.kinds():
        await asyncio.sleep(0.005)
    world.scorer.error = RuntimeError("broken")
    body = (await request).text
    assert events(body)[-1]["error"]["code"] == "guard_unavailable"
    assert world.kinds()[-1] == "fault"


async def test_a_model_that_dies_is_a_fault(world) -> None:
    world.model.fails_after = 2
    answer = await world.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert world.kinds() == ["request", "fault"]


async def last_kind(world) -> str:
    """Of the record that ends the exchange, long before its deadline; it may come after the client's end."""
    async with asyncio.timeout(60):
        while (kind := world.kinds()[-1]) not in ("answer", "fault", "interrupted"):
            await asyncio.sleep(0.01)
    return kind


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("odd"), ServiceUnavailable("model", "died")])
async def test_however_the_model_ends_the_client_gets_an_end_and_the_log_its_order(make_world, error) -> None:
    world = await make_world(Limits(deadline_s=300))

    async def stream(prompt, sampling, digest):
        yield Piece("A first window of more than six words stands here. And", 1)
        raise error

    world.model.stream = stream
    answer = await asyncio.wait_for(world.ask(stream=True), 60)
    assert events(answer.text)[-1]["error"] if answer.status_code == 200 else answer.status_code == 503
    assert await last_kind(world) in ("fault", "interrupted")
    assert world.kinds()[0] == "request"


async def test_a_stream_without_an_end_is_no_answer(world) -> None:
    async def stream(prompt, sampling, digest):
        yield Piece("A first window of more than six words stands here. And", 1)

    world.model.stream = stream
    assert events((await world.ask(stream=True)).text)[-1]["error"]["code"] == "model_unavailable"


async def test_stop_strings_and_user_are_logged_with_the_question(world) -> None:
    await world.ask(stop=["HALT"], user="u-17")
    assert "HALT" in rows(world)[0]["prompt"]
    assert "u-17" in rows(world)[0]["prompt"]


async def test_a_deadline_interrupts(make_world) -> None:
    world = await make_world(Limits(deadline_s=0.2, guard_timeout_s=5))
    world.model.pause_s = 0.1
    answer = await world.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "deadline_exceeded")
    assert world.kinds()[-1] == "interrupted"


@pytest.mark.parametrize(("stream", "logged"), [(True, "window"), (False, "request")])
async def test_a_client_that_goes_away_leaves_an_interrupted_record(make_world, stream: bool, logged: str) -> None:
    world = await make_world(Limits(deadline_s=300))
    world.model.pause_s = 0.02
    world.model.text *= 5
    request = asyncio.create_task(world.ask(stream=stream))
    while logged not in world.kinds():
        await asyncio.sleep(0.005)
    request.cancel()
    await asyncio.wait([request])
    said = world.model.said
    await asyncio.sleep(0.2)
    assert await last_kind(world) == "interrupted"
    assert world.kinds().count("window") == world.exchange.log.tail(0)[-1]["fields"]["windows"]
    assert world.model.said <= said + 1, "generation went on after the client left"


async def test_strict_delivery_sends_nothing_of_an_answer_that_breaks_off(make_world) -> None:
    world = await make_world(Limits(), strict=True)
    world.model.text = "A harmless first sentence that is long enough. Then HARMWORD follows in the second. End."
    answer = (await world.ask()).json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert answer["choices"][0]["message"]["content"] == ""


async def test_a_stale_control_view_refuses(world) -> None:
    world.control.down = True
    world.view._seen_at -= 11
    assert (await world.ask()).json()["error"]["code"] == "control_log_stale"
    assert (await world.http.get("/readyz")).status_code == 503
    assert (await world.http.get("/healthz")).status_code == 200


async def test_receipts_are_for_their_owner_and_for_auditors(world) -> None:
    request_id = (await world.ask()).json()["preceptor"]["request_id"]
    mine = await world.http.get(f"/v1/receipts/{request_id}")
    assert mine.json()["receipts"][0]["kind"] == "request"
    for role, status in ((Role.LEARNER, 404), (Role.AUDITOR, 200)):
        other = {"authorization": f"Bearer {world.key('eve', role)}"}
        assert (await world.http.get(f"/v1/receipts/{request_id}", headers=other)).status_code == status


async def test_an_appeal_passes_no_guard(world) -> None:
    request_id = (await world.ask("HARMWORD")).json()["error"]["preceptor"]["request_id"]
    calls = world.scorer.calls
    appeal = await world.http.post("/v1/appeals", json={"request_id": request_id, "reason": "HARMWORD is a brand"})
    assert appeal.status_code == 202
    assert appeal.json()["receipt"]
    assert world.scorer.calls == calls


async def test_operators_append_only_the_kinds_of_their_role(world) -> None:
    record = {
        "kind": "revocation",
        "request_id": "01a20a1d-5b64-7007-a833-47d0ec652a79",
        "seq": 0,
        "tenant": "preceptor",
        "subject": "operator",
        "fields": {"jti": "abc"},
        "text": None,
        "actor": "operator",
    }
    denied = await world.http.post("/v1/audit/records", json={"records": [record]})
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "kind_not_allowed")
    admin = {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}
    bad = record | {"fields": {"wrong": 1}, "request_id": "01a20a1d-5b64-7007-a833-47d0ec652a80"}
    done = await world.http.post("/v1/audit/records", json={"records": [record, bad]}, headers=admin)
    assert "receipt" in done.json()["results"][0]
    assert "error" in done.json()["results"][1]


async def test_a_revoked_key_is_refused(world) -> None:
    token, who = world.issuer.mint("mallory", "school", Role.LEARNER, 600)
    world.view.state.apply({"kind": "revocation", "subject": None, "fields": {"jti": who.jti}})
    answer = await world.http.get("/v1/models", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "revoked_api_key")
