"""Reviewers at the desk: one holds an item, two label it blind, a third decides a dispute; nobody judges themselves."""

import asyncio
from typing import Any

import httpx

from app import desk
from app.auth import Role
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
    monkeypatch.setattr(desk, "LEASE_S", 2)
    assert (await ada.do(about, "claim")).status_code == 200
    assert (await bob.do(about, "claim")).status_code == 409
    assert await bob.queue() == []
    await asyncio.sleep(2.5)
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
