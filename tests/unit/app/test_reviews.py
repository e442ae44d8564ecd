"""Reviewers at the desk: one holds an item, two label it blind, a third decides a dispute; nobody judges themselves."""

import asyncio
from typing import Any

import httpx

from app.auth import Role
from app.reviewing import desk
from tests.unit.app.conftest import World

HARMLESS = {"label": "educational", "expected": "ALLOW"}
HARMFUL = {"label": "harmful", "expected": "REFUSE"}


class Reviewer:
    """A person with a reviewer's key."""

    def __init__(self, world: World, name: str, role: Role = Role.REVIEWER) -> None:
        self.http, self.headers = world.http, {"authorization": f"Bearer {world.key(name, role)}"}
        self.view = world.view

    async def queue(self, **asked: Any) -> list[dict[str, Any]]:
        await self.view.refresh()  # a slow machine outlives the ten seconds for which a view counts
        answer = await self.http.get("/v1/review", params=asked, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def do(self, about: str, what: str, **body: Any) -> httpx.Response:
        await self.view.refresh()
        return await self.http.post(f"/v1/review/{about}/{what}", json=body, headers=self.headers)

    async def label(self, about: str, **body: Any) -> None:
        for answer in (await self.do(about, "claim"), await self.do(about, "label", **body)):
            assert answer.status_code == 200, answer.text


async def refused(world: World) -> str:
    """The id of a question that was refused."""
    answer = await world.ask("HARMWORD")
    assert answer.status_code == 400
    return answer.json()["error"]["preceptor"]["request_id"]


async def test_two_labels_that_agree_are_decided(world) -> None:
    about, ada, bob = await refused(world), Reviewer(world, "rev-a"), Reviewer(world, "rev-b")
    assert [(item["about"], item["state"]) for item in await ada.queue()] == [(about, "open")]
    await ada.label(about, **HARMLESS, note="She asks for her own router.")
    assert await ada.queue() == []  # the second label is somebody else's
    (shown,) = await bob.queue()
    assert (shown["state"], shown["labels"]) == ("labelled", 1)
    assert not {"label", "expected", "labelled_by"} & shown.keys()  # blind
    early = await bob.do(about, "claim"), await bob.do(about, "decide", decision="overturn", **HARMLESS)
    assert [answer.status_code for answer in early] == [200, 403]
    await bob.label(about, **HARMLESS)
    await (carol := Reviewer(world, "rev-c")).do(about, "claim")
    decided = await carol.do(about, "decide", decision="overturn", **HARMLESS)
    assert decided.status_code == 200, decided.text
    assert await carol.queue() == []
    assert [item["state"] for item in await carol.queue(state="decided")] == ["decided"]


async def test_a_dispute_is_decided_by_a_third(world) -> None:
    about, ada, bob = await refused(world), Reviewer(world, "rev-a"), Reviewer(world, "rev-b")
    await ada.label(about, **HARMLESS)
    await bob.label(about, **HARMFUL)
    await ada.do(about, "claim")
    refusal = await ada.do(about, "decide", decision="uphold", **HARMLESS)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "own_label")
    await ada.do(about, "release")
    carol = Reviewer(world, "rev-c")
    assert (await carol.queue())[0]["state"] == "disputed"
    assert (await carol.do(about, "claim")).status_code == 200
    assert (await carol.do(about, "decide", decision="uphold", **HARMFUL)).status_code == 200


async def test_of_two_at_once_one_holds_the_item(world) -> None:
    about = await refused(world)
    people = [Reviewer(world, f"rev-{n}") for n in range(5)]
    answers = await asyncio.gather(*(person.do(about, "claim") for person in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    late = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["error"]["code"] for answer in late} == {"item_taken"}


async def test_a_lease_returns_when_its_reviewer_does_not(world, monkeypatch) -> None:
    about, ada, bob = await refused(world), Reviewer(world, "rev-a"), Reviewer(world, "rev-b")
    assert (await ada.do(about, "claim")).status_code == 200
    assert (await bob.do(about, "claim")).status_code == 409
    assert await bob.queue() == []
    monkeypatch.setattr(desk, "LEASE_S", -1)  # over as soon as it is given, however slow the machine
    assert (await ada.do(about, "claim")).status_code == 200
    assert (await bob.do(about, "claim")).status_code == 200
    refusal = await ada.do(about, "label", **HARMFUL)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (409, "not_held")


async def test_nobody_judges_an_exchange_of_their_own(world) -> None:
    about = await refused(world)
    herself = Reviewer(world, "ada")  # who asked
    assert await herself.queue() == []
    refusal = await herself.do(about, "claim")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "own_exchange")


async def test_text_is_opened_by_who_holds_the_lease_and_that_is_a_record(world) -> None:
    about, ada = await refused(world), Reviewer(world, "rev-a")
    assert (await ada.do(about, "text")).status_code == 409
    await ada.do(about, "claim")
    opened = await ada.do(about, "text", reason="appeal")
    assert opened.status_code == 200, opened.text
    assert any("HARMWORD" in (record["text"] or "") for record in opened.json()["records"])
    await world.view.refresh()
    last = world.control.log.tail(0)[-1]
    assert (last["kind"], last["fields"]["about"]) == ("access", about)


async def test_a_learner_an_auditor_and_a_stranger_do_not_review(world) -> None:
    about = await refused(world)
    for role in (Role.LEARNER, Role.AUDITOR, Role.REDTEAM):
        answer = await Reviewer(world, "eve", role).do(about, "claim")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_not_allowed")
    answer = await world.http.get("/v1/review", headers={"authorization": "Bearer x"})
    assert answer.status_code == 401


async def test_bad_input_says_what_was_expected(world) -> None:
    about, ada = await refused(world), Reviewer(world, "rev-a")
    await ada.do(about, "claim")
    for answer, code in (
        (await ada.do(about, "label", label="bad", expected="ALLOW"), 400),
        (await ada.do(about, "label"), 400),
        (await ada.do("no-such-thing", "claim"), 404),
        (await ada.do("x' or true --", "claim"), 404),
        (await ada.http.get("/v1/review", params={"state": "open') --"}, headers=ada.headers), 400),
        (await ada.http.get("/v1/review", params={"limit": 0}, headers=ada.headers), 400),
    ):
        assert answer.status_code == code, answer.text
        assert answer.json()["error"]["message"]


async def test_the_queue_is_asked_by_reason_and_by_what_is_late(world) -> None:
    about, ada = await refused(world), Reviewer(world, "rev-a")
    await world.http.post("/v1/appeals", json={"request_id": about, "reason": "It is my own router."})
    assert [item["about"] for item in await ada.queue(reason="appeal")] == [about]
    assert await ada.queue(reason="finding") == []
    assert await ada.queue(overdue=True) == []  # it has three days
    for asked in ({"reason": "alert') --"}, {"overdue": "perhaps"}):
        answer = await ada.http.get("/v1/review", params=asked, headers=ada.headers)
        assert answer.status_code == 400, answer.text


async def test_opened_text_tells_what_the_guard_made_of_each_record_and_the_appeal(world) -> None:
    about, ada = await refused(world), Reviewer(world, "rev-a")
    await world.http.post("/v1/appeals", json={"request_id": about, "reason": "It is my own router."})
    await ada.do(about, "claim")
    opened = (await ada.do(about, "text")).json()
    assert [(record["kind"], record["action"]) for record in opened["records"]] == [
        ("request", "REFUSE"), ("refusal", "REFUSE"),
    ]  # fmt: skip
    asked = opened["records"][0]
    assert asked["score"] > 0.5
    assert asked["ts"]
    assert asked["category"] in {check["category"] for check in asked["checks"]}
    assert [appeal["text"] for appeal in opened["appeals"]] == ["It is my own router."]


async def test_windows_are_told_one_by_one_with_how_the_answer_ended(world) -> None:
    answer = await world.ask("What is a nonce?")
    about, ada = answer.json()["preceptor"]["request_id"], Reviewer(world, "rev-a")
    red = Reviewer(world, "ada", Role.REDTEAM)
    mark = {"request_id": about, "technique": "direct", "severity": "low", "expected": "REFUSE", "note": "my view"}
    assert (await red.http.post("/v1/findings", json=mark, headers=red.headers)).status_code == 201
    await ada.do(about, "claim")
    opened = (await ada.do(about, "text")).json()
    kinds = [record["kind"] for record in opened["records"]]
    assert (kinds[0], set(kinds[1:-1]), kinds[-1]) == ("request", {"window"}, "answer")
    assert opened["records"][-1]["finish"] == "stop"
    assert "my view" not in str(opened)  # what the finding's author thinks


async def test_similar_cases_are_of_the_same_kind_decided_ones_first(world) -> None:
    waiting, decided, ada = await refused(world), await refused(world), Reviewer(world, "rev-a")
    await world.ask("LABWORD")
    for name in ("rev-a", "rev-b"):
        await Reviewer(world, name).label(decided, **HARMFUL)
    carol = Reviewer(world, "rev-c")
    await carol.do(decided, "claim")
    assert (await carol.do(decided, "decide", decision="uphold", **HARMFUL)).status_code == 200
    about = await refused(world)
    answer = await ada.http.get(f"/v1/review/{about}/similar", headers=ada.headers)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["about"], item["decision"]) for item in items] == [(decided, "uphold"), (waiting, None)]
    assert not {"label", "expected", "labelled_by", "text"} & items[0].keys()
    herself = Reviewer(world, "ada")
    mine = await herself.http.get(f"/v1/review/{about}/similar", headers=herself.headers)
    assert mine.json()["items"] == []  # all of these were hers


async def test_another_tenants_cases_are_similar_to_nobodys(world) -> None:
    await refused(world)
    learner = {"authorization": f"Bearer {world.key('bea', tenant='bank')}"}
    await world.view.refresh()
    await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=learner)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "HARMWORD"}]}
    said = (await world.http.post("/v1/chat/completions", json=body, headers=learner)).json()
    about = said["error"]["preceptor"]["request_id"]
    reviewer = {"authorization": f"Bearer {world.key('rev-z', Role.REVIEWER, tenant='bank')}"}
    answer = await world.http.get(f"/v1/review/{about}/similar", headers=reviewer)
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    operator = {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}
    seen = await world.http.get(f"/v1/review/{about}/similar", headers=operator)
    assert len(seen.json()["items"]) == 1
