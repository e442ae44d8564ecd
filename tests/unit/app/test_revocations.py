"""Void keys stay void: in every Gateway within seconds, from packed files, after an erasure, for whoever lists them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer import Tutor
from app.auth import OPERATOR, Principal, Role
from app.control import ControlView
from app.errors import NotAuthenticated
from app.revocations import Revocations
from audit import keys, upkeep
from audit.errors import AuditError
from audit.log import Log
from audit.record import Entry, Kind
from tests.unit.app.conftest import LocalLog, World

TAGS, JTIS = st.sampled_from("abc"), st.sampled_from("xyz")
LEAVES = st.one_of(
    st.tuples(st.just("grant"), TAGS, st.fixed_dictionaries({"jti": JTIS})),
    st.tuples(st.just("revocation"), TAGS, st.fixed_dictionaries({"jti": JTIS})),
    st.tuples(st.just("revocation"), TAGS, st.fixed_dictionaries({"before_us": st.integers(0, 9)})),
    st.tuples(st.just("terms"), TAGS, st.just({"terms_digest": "d"})),
)


def folded(leaves: list[tuple[str, str, dict[str, Any]]]) -> Revocations:
    made = Revocations()
    for kind, subject, fields in leaves:
        made.apply({"kind": kind, "subject": subject, "fields": fields})
    return made


@given(st.lists(LEAVES), TAGS, JTIS, st.integers(0, 9))
def test_a_key_is_void_if_and_only_if_a_record_says_so(leaves, tag: str, jti: str, issued_us: int) -> None:
    said = any(
        fields.get("jti") == jti or (subject == tag and fields.get("before_us", 0) > issued_us)
        for kind, subject, fields in leaves
        if kind == "revocation"
    )
    assert folded(leaves).holds(tag, jti, issued_us) is said


@given(st.lists(LEAVES), TAGS, JTIS, st.integers(0, 9))
def test_an_erasure_makes_no_minted_key_good_again(leaves, tag: str, jti: str, issued_us: int) -> None:
    minted = [("grant", tag, {"jti": jti}), *leaves]
    before = folded(minted).holds(tag, jti, issued_us)
    after = folded([*minted, ("erase", "", {"subject": tag, "epoch": 0})])
    assert after.holds("the next pseudonym", jti, issued_us) or not before


def revocation(subject: str, tenant: str = "school", **fields: Any) -> Entry:
    return Entry(Kind.revocation, str(uuid4()), 0, tenant, subject, fields or {"before_us": time.time_ns() // 1000})


async def answer_to(tutor: Tutor, key: str) -> str:
    """What this Gateway says of the key."""
    try:
        await tutor.identify({"authorization": f"Bearer {key}"})
    except NotAuthenticated as error:
        return error.code
    return "good"


async def is_refused_within(tutor: Tutor, key: str, seconds: float) -> bool:
    """Whether this Gateway soon calls the key revoked."""
    until = time.monotonic() + seconds
    while (said := await answer_to(tutor, key)) == "good" and time.monotonic() < until:
        await asyncio.sleep(0.05)
    return said == "revoked_api_key"


@asynccontextmanager
async def following(tutor: Tutor) -> AsyncIterator[Tutor]:
    """Another Gateway of the same log, which tails it as the real one does."""
    view = ControlView(tutor.control.log)
    tailing = asyncio.create_task(view.follow())
    while not view.fresh:
        await asyncio.sleep(0.01)
    yield replace(tutor, control=view)
    tailing.cancel()


async def test_a_revocation_reaches_every_gateway_within_seconds(world: World) -> None:
    by_id, who = world.issuer.mint("ada", "school", Role.LEARNER, 600)
    by_subject, other = world.key("leaver"), world.key("stays")
    async with following(world.tutor) as first, following(world.tutor) as second:
        for tutor in (first, second):
            for key in (by_id, by_subject, other):
                assert await answer_to(tutor, key) == "good"
        later = (int(time.time()) + 1) * 1_000_000
        await world.control.append(
            [revocation("operator", OPERATOR, jti=who.jti), revocation("leaver", before_us=later)]
        )
        for tutor in (first, second):
            assert await is_refused_within(tutor, by_id, 5)
            assert await is_refused_within(tutor, by_subject, 5)
            assert await answer_to(tutor, other) == "good"


def appended(log: Log, entries: list[Entry]) -> None:
    assert not any(isinstance(result, AuditError) for result in log.append(entries))


async def test_no_revocation_is_lost_when_the_log_is_packed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TIERS", (10, 1_000, 10_000))
    log, now_us = world.control.log, time.time_ns() // 1000
    people, ids = [f"p{number}" for number in range(12)], [f"j{number}" for number in range(12)]
    for person, jti in zip(people, ids, strict=True):
        appended(log, [revocation(person, before_us=now_us)])
        appended(log, [revocation("operator", OPERATOR, jti=jti)])
        appended(log, [revocation(person, before_us=1)])  # an earlier moment takes nothing back
    appended(log, [Entry.operational(Kind.tick, {"counts": {}}) for _ in range(5_100)])
    appended(log, [Entry.operational(Kind.tick, {"counts": {}})])
    assert upkeep.pack_all(log)
    again = Log.open(world.root / "control", keys.load(world.keys_dir))
    assert again.memory.leaves[0]["idx"] > 36  # so that they are read from packs, not remembered
    view = ControlView(LocalLog(again, world.root, world.keys_dir))
    await view.refresh()
    tags = [await view.tag("school", person) for person in people]
    assert all(view.state.is_revoked(tag, "none", now_us - 1) for tag in tags)
    assert not any(view.state.is_revoked(tag, "none", now_us) for tag in tags)
    assert all(view.state.is_revoked("nobody", jti, now_us) for jti in ids)
    for person in people:
        assert again.memory.state().last(f"grant/{person}") == -1  # by subject they are nobody's condition


async def test_whoever_was_revoked_and_then_erased_stays_out(world: World) -> None:
    token, who = world.issuer.mint("mallory", "school", Role.LEARNER, 600)
    assert isinstance(who, Principal)
    grant = {"jti": who.jti, "role": "learner", "expires_us": who.expires * 1_000_000}
    appended(world.control.log, [Entry(Kind.grant, str(uuid4()), 0, "school", "mallory", grant)])
    appended(world.control.log, [revocation("mallory", before_us=who.issued * 1_000_000 + 1)])
    erasure = world.control.log.keys.subjects.erase("school", "mallory")
    assert erasure is not None
    gone = Entry.operational(Kind.erase, {"subject": erasure.tag, "epoch": erasure.epoch})
    appended(world.control.log, [gone])
    await world.view.refresh()
    assert await is_refused_within(world.tutor, token, 1)
    assert await answer_to(world.tutor, world.key("mallory")) == "good"  # who begins anew with a new key
    fresh = ControlView(world.control)  # a Gateway that starts now reads the same
    await fresh.refresh()
    assert await is_refused_within(replace(world.tutor, control=fresh), token, 1)


async def test_a_revocation_of_nobody_is_refused(world: World) -> None:
    root = {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}
    body = {"records": [revocation("", before_us=1).to_json(), revocation("ada", before_us=1).to_json()]}
    nobody, somebody = (await world.http.post("/v1/audit/records", json=body, headers=root)).json()["results"]
    assert nobody["error"]["code"] == "BadEntry"
    assert "receipt" in somebody
