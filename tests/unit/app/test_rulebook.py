"""Thresholds that change while the graph runs: valid ones only, on record first, and each question under one policy."""

import asyncio

import pytest

from app import rulebook as rulebook_module
from deployments.ports import ServiceUnavailable
from guards.errors import PolicyError
from guards.policy import Policy
from guards.scores import make

DOUBT = Policy.load().category("harmful_operational").teach_threshold
STRICTER = {"thresholds": {"harmful_operational": {"threshold": DOUBT, "teach_threshold": DOUBT - 0.1}}}


def policies(world) -> list[str]:
    return [leaf["fields"]["policy_digest"] for leaf in world.control.log.tail(0) if leaf["kind"] == "policy"]


def kinds(world) -> list[str]:
    return [leaf["kind"] for leaf in world.control.log.tail(0)]


async def action(world) -> str:
    world.scorer.marked["DOUBTWORD"] = make(0.0, 0.0, DOUBT, 0.0)
    answer = (await world.ask("DOUBTWORD")).json()
    return (answer.get("preceptor") or answer["error"]["preceptor"])["action"]


async def test_a_change_is_on_record_and_every_record_cites_it(world) -> None:
    shipped = world.tutor.rulebook.rules.policy
    assert await action(world) == "TEACH"
    await world.tutor.rulebook.change(STRICTER)
    changed = world.tutor.rulebook.rules.policy
    assert policies(world)[-1] == changed.digest != shipped.digest
    assert await action(world) == "REFUSE"
    cited = [leaf["fields"]["policy_digest"] for leaf in world.exchange.log.tail(0) if leaf["kind"] == "request"]
    assert cited == [shipped.digest, changed.digest]
    assert (await world.http.get("/readyz")).json()["policy"] == changed.digest
    count = len(policies(world))
    await world.tutor.rulebook.change(STRICTER)
    assert len(policies(world)) == count  # said already
    await world.tutor.rulebook.change(None)
    assert policies(world)[-1] == shipped.digest
    assert await action(world) == "TEACH"


@pytest.mark.parametrize("wrong", [{"thresholds": {"harm": {}}}, {"thresholds": {"override": {"threshold": 7}}}, [1]])
async def test_wrong_changes_are_refused_with_the_reason_and_the_old_ones_stay(world, wrong, caplog) -> None:
    await world.tutor.rulebook.change(STRICTER)
    before, records = world.tutor.rulebook.rules, policies(world)
    with pytest.raises(PolicyError, match="expected"):
        await world.tutor.rulebook.change(wrong)
    await world.tutor.rulebook.adopt(wrong)
    assert world.tutor.rulebook.rules is before
    assert policies(world) == records
    assert kinds(world)[-1] == "alert"
    assert "thresholds refused" in caplog.text
    assert "expected" in caplog.text


async def test_nothing_changes_while_the_log_takes_no_record(world, monkeypatch) -> None:
    monkeypatch.setattr(rulebook_module, "AGAIN_AFTER_S", 0.02)
    before = world.tutor.rulebook.rules
    world.control.down = True
    with pytest.raises(ServiceUnavailable):
        await world.tutor.rulebook.change(STRICTER)
    await world.tutor.rulebook.adopt({"thresholds": {"override": {"threshold": 0.9}}})
    await world.tutor.rulebook.adopt(STRICTER)  # the newest wish counts
    assert world.tutor.rulebook.rules is before
    world.control.down = False
    for _ in range(100):
        await asyncio.sleep(0.02)
        if world.tutor.rulebook.rules is not before:
            break
    assert world.tutor.rulebook.rules.policy.category("harmful_operational").threshold == DOUBT
    assert policies(world) == [world.tutor.rulebook.rules.policy.digest]


async def test_a_question_is_judged_to_its_end_by_the_rules_it_began_under(world) -> None:
    world.model.pause_s = 0.01
    request = asyncio.create_task(world.ask(stream=True))
    while "window" not in world.kinds():
        await asyncio.sleep(0.005)
    digest = world.tutor.rulebook.rules.policy.digest
    await world.tutor.rulebook.change(STRICTER)
    assert digest in (await request).text
    assert world.tutor.rulebook.rules.policy.digest in (await world.ask()).text


async def test_a_pass_outlives_a_change_of_thresholds(world) -> None:
    await world.http.post("/v1/lessons/authorised-testing/pass", json={"answers": []})
    await world.tutor.rulebook.change({"thresholds": {"override": {"threshold": 0.9}}})
    assert (await world.ask("LABWORD")).json()["preceptor"]["lesson"] is None


async def test_a_refusal_says_clause_neighbour_and_appeal_and_repeats_nothing(world) -> None:
    answer = await world.ask("Please HARMWORD with ransomware for xyzzy")
    error = answer.json()["error"]
    refusal = error["preceptor"]["refusal"]
    assert refusal["clause"] == "3 What is refused"
    assert "how ransomware works in principle" in refusal["offer"]
    for part in ("clause 3", "What is refused", refusal["offer"], "/v1/appeals", error["preceptor"]["request_id"]):
        assert part in error["message"]
    assert not any(word in answer.text for word in ("HARMWORD", "xyzzy", "Please"))
    appeal = refusal["appeal"]
    body = appeal["body"] | {"reason": "HARMWORD is a brand"}
    done = await world.http.request(appeal["method"], appeal["url"], json=body)
    assert (done.status_code, bool(done.json()["receipt"])) == (202, True)
    assert kinds(world)[-1] == "appeal"


async def test_an_answer_that_is_cut_says_so_too(world) -> None:
    world.model.text = "First a harmless sentence of some words stands here. Then HARMWORD comes in this one."
    told = (await world.ask()).json()["preceptor"]
    assert (told["action"], told["refusal"]["clause"]) == ("REFUSE", "3 What is refused")
    world.model.text = "All is well."
    assert "refusal" not in (await world.ask()).json()["preceptor"]
