"""A challenger of the guard: watched in shadow, heeded for a share in canary, taken back by an alert, made live."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import Role
from app.rollout import Rollout
from app.settings import Limits
from audit.record import Entry, Kind
from tests.unit.app.conftest import SHIPPED, ScriptedScorer, World

NEW = "d" * 64


def guard(digest: str, stage: str = "live", share: float | None = None) -> Entry:
    share_ppm = None if share is None else round(share * 1_000_000)
    fields = {
        "name": "guard", "model_digest": digest, "base": "guard", "adapter_digest": None, "weights": {}, "stage": stage,
        "share_ppm": share_ppm,
    }  # fmt: skip
    return Entry.operational(Kind.promotion, fields, actor="operator")


def alert(about: str, severity: str = "critical") -> Entry:
    return Entry.operational(Kind.alert, {"rule": "canary", "severity": severity, "about": about}, actor="operator")


async def say(world: World, entry: Entry) -> None:
    await world.control.append([entry])
    await world.view.refresh()


async def ask(world: World, who: str, text: str) -> dict[str, Any]:
    """What stands in the log of a question of this person."""
    headers = {"authorization": f"Bearer {world.key(who, Role.LEARNER)}"}
    await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=headers)
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}]}
    await world.http.post("/v1/chat/completions", json=body, headers=headers)
    requests = [leaf for leaf in world.exchange.log.tail(0) if leaf["kind"] == "request"]
    return dict(requests[-1]["fields"])


def of_kind(world: World, kind: str) -> list[dict[str, Any]]:
    logs = (world.control.log, world.exchange.log)
    return [leaf["fields"] for log in logs for leaf in log.tail(0) if leaf["kind"] == kind]


@pytest.fixture
async def strict(world: World) -> ScriptedScorer:
    """A challenger that refuses NEWWORD, too, which the shipped guard lets pass."""
    scorer = ScriptedScorer()
    scorer.marked["NEWWORD"] = scorer.marked["HARMWORD"]
    world.scorers[NEW] = scorer
    await world.view.refresh()
    return scorer


async def test_a_shadow_is_recorded_and_never_heeded(world, strict) -> None:
    await say(world, guard(NEW, "shadow"))
    served = await ask(world, "ada", "NEWWORD")
    assert (served["action"], served["guard_digest"]) == ("ALLOW", SHIPPED)
    await world.tutor.shadow.settled()
    (seen,) = of_kind(world, "shadow")
    assert (seen["action"], seen["guard_digest"]) == ("REFUSE", NEW)


async def test_nobody_waits_for_a_shadow_that_hangs_or_fails(make_world) -> None:
    world = await make_world(Limits(guard_timeout_s=60, deadline_s=60))  # nothing times out on a slow machine
    strict = world.scorers[NEW] = ScriptedScorer()
    await say(world, guard(NEW, "shadow"))
    strict.hang = True
    for _ in range(20):
        assert (await asyncio.wait_for(ask(world, "ada", "Hello"), 10))["action"] == "ALLOW"
    assert of_kind(world, "shadow") == []
    assert len(world.tutor.shadow._running) == 8
    strict.hang, strict.error = False, RuntimeError("broken")
    for task in tuple(world.tutor.shadow._running):
        task.cancel()
    await world.tutor.shadow.settled()
    await ask(world, "ada", "Hello")
    await world.tutor.shadow.settled()
    assert [seen["action"] for seen in of_kind(world, "shadow")] == [None]


async def test_a_canary_judges_its_share_and_always_the_same_people(world, strict) -> None:
    await say(world, guard(NEW, "canary", 0.5))
    people = [f"person-{n}" for n in range(12)]
    first = {who: (await ask(world, who, "NEWWORD"))["guard_digest"] for who in people}
    assert set(first.values()) == {SHIPPED, NEW}
    for who in people[:4]:
        again = await ask(world, who, "NEWWORD")
        assert again["guard_digest"] == first[who]
        assert again["action"] == ("REFUSE" if first[who] == NEW else "ALLOW")


async def test_an_alert_takes_a_canary_back_at_once_and_on_record(world, strict) -> None:
    await say(world, guard(NEW, "canary", 1.0))
    assert (await ask(world, "ada", "NEWWORD"))["action"] == "REFUSE"
    await say(world, alert(NEW, "warning"))
    await say(world, alert("e" * 64))
    assert (await ask(world, "ada", "NEWWORD"))["action"] == "REFUSE"  # neither was about it and grave
    await say(world, alert(NEW))
    served = await ask(world, "ada", "NEWWORD")
    assert (served["action"], served["guard_digest"]) == ("ALLOW", SHIPPED)
    await world.tutor.rulebook.keep_up()
    last = of_kind(world, "promotion")[-1]
    assert (last["model_digest"], last["stage"], last["gate"]) == (SHIPPED, "live", "alert")
    count = len(of_kind(world, "promotion"))
    await world.tutor.rulebook.keep_up()
    assert len(of_kind(world, "promotion")) == count


async def test_a_live_guard_comes_in_force_once_the_policy_record_says_so(world, strict) -> None:
    await say(world, guard(NEW))
    assert (await ask(world, "ada", "NEWWORD"))["guard_digest"] == SHIPPED
    world.control.down = True
    with pytest.raises(Exception, match="down"):
        await world.tutor.rulebook.keep_up()
    assert (await ask(world, "ada", "NEWWORD"))["guard_digest"] == SHIPPED
    world.control.down = False
    await world.tutor.rulebook.keep_up()
    assert of_kind(world, "policy")[-1]["guard_digest"] == NEW
    served = await ask(world, "ada", "NEWWORD")
    assert (served["action"], served["guard_digest"]) == ("REFUSE", NEW)


async def test_thresholds_outlive_a_change_of_the_guard(world, strict) -> None:
    await world.tutor.rulebook.change({"thresholds": {"override": {"threshold": 0.9}}})
    before = world.tutor.rulebook.rules.policy.digest
    await say(world, guard(NEW))
    await world.tutor.rulebook.keep_up()
    assert world.tutor.rulebook.rules.policy.digest == before


@given(st.floats(0, 1), st.text(max_size=20), st.text(max_size=20))
def test_nobody_is_in_a_canary_of_none_and_everybody_in_one_of_all(share, tenant, subject) -> None:
    ppm = round(share * 1_000_000)
    canary = Rollout(challenger=NEW, stage="canary", share_ppm=ppm)
    assert canary.takes(tenant, subject) == canary.takes(tenant, subject)
    assert not Rollout(challenger=NEW, stage="canary").takes(tenant, subject)
    assert Rollout(challenger=NEW, stage="canary", share_ppm=1_000_000).takes(tenant, subject)
    assert not Rollout(challenger=NEW, stage="shadow", share_ppm=1_000_000).takes(tenant, subject)


def test_a_share_is_about_as_large_as_it_says() -> None:
    canary = Rollout(challenger=NEW, stage="canary", share_ppm=50_000)
    taken = sum(canary.takes("school", f"person-{n}") for n in range(20_000))
    assert 850 < taken < 1150
