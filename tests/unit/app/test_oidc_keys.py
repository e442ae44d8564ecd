"""The issuer's keys: rotation, floods of unknown names, an issuer that is down, slow, huge or elsewhere."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import Fault, NotAuthenticated
from app.identity.discovery import KeySource
from app.identity.issuers import Issuer
from app.identity.keyset import ASK_EVERY_S, FRESH_S, STALE_S, KeySet
from app.identity.oidc import Oidc
from tests.unit.app.issuing import AUDIENCE, IdP, jwk, rsa, serving


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def idp() -> Iterator[IdP]:
    with serving(IdP()) as serves:
        yield serves


def trusting(idp: IdP, clock: Clock, timeout_s: float = 30, **more: Any) -> Oidc:
    told = {"issuer": idp.url, "audience": AUDIENCE, "tenant": "uni", "jwks_url": f"{idp.url}/jwks"} | more
    issuer = Issuer.model_validate(told)
    return Oidc(issuer, KeySet(issuer.issuer, KeySource(issuer, timeout_s), clock))


async def refused(issuer: Oidc, token: str) -> str:
    with pytest.raises((NotAuthenticated, Fault)) as error:
        await issuer.read(token)
    if isinstance(error.value, Fault):
        assert int(error.value.headers()["retry-after"]) >= 1
    return error.value.code


async def test_a_thousand_unknown_kids_ask_the_issuer_a_bounded_number_of_times(idp: IdP) -> None:
    clock = Clock()
    issuer = trusting(idp, clock)
    good, stranger = idp.token(), rsa()
    forged = [idp.token(key=stranger, header={"kid": f"k{number}"}) for number in range(1000)]
    outcomes = await asyncio.gather(issuer.read(good), *(refused(issuer, token) for token in forged))
    assert outcomes[0].subject.endswith("|ada")
    assert set(outcomes[1:]) == {"invalid_api_key"}
    assert len(idp.asked) == 1
    clock.now += ASK_EVERY_S
    for token in forged[:100]:
        await refused(issuer, token)
    assert len(idp.asked) == 2


async def test_a_rotated_key_is_found_and_a_withdrawn_one_forgotten(idp: IdP) -> None:
    clock = Clock()
    issuer = trusting(idp, clock)
    await issuer.read(idp.token())
    fresh = rsa()
    idp.keys = [jwk(fresh, "two")]
    new = idp.token(key=fresh, header={"kid": "two"})
    assert await refused(issuer, new) == "invalid_api_key"  # asked a moment ago
    clock.now += ASK_EVERY_S
    assert (await issuer.read(new)).issuer == idp.url
    assert await refused(issuer, idp.token()) == "invalid_api_key"
    assert len(idp.asked) == 2


async def test_a_withdrawn_key_counts_no_longer_than_keys_are_fresh(idp: IdP) -> None:
    clock = Clock()
    issuer = trusting(idp, clock)
    await issuer.read(idp.token())
    idp.keys = []
    clock.now += FRESH_S
    await issuer.read(idp.token())
    clock.now += 1
    assert await refused(issuer, idp.token()) == "invalid_api_key"


async def test_while_the_issuer_is_down_the_last_keys_go_on_for_a_time(idp: IdP) -> None:
    clock = Clock()
    issuer = trusting(idp, clock)
    idp.status = 500
    assert await refused(issuer, idp.token()) == "identity_unavailable"  # never seen: nobody is let in
    idp.status = 200
    clock.now += ASK_EVERY_S
    await issuer.read(idp.token())
    idp.status = 500
    clock.now += STALE_S
    assert (await issuer.read(idp.token())).tenant == "uni"
    assert await refused(issuer, idp.token(header={"kid": "new"})) == "identity_unavailable"
    assert await refused(issuer, idp.token(key=rsa())) == "invalid_api_key"  # never open
    clock.now += 1
    assert await refused(issuer, idp.token()) == "identity_unavailable"
    clock.now += ASK_EVERY_S
    idp.status = 200
    assert (await issuer.read(idp.token())).tenant == "uni"


async def test_nobody_listens_at_all() -> None:
    with serving(IdP()) as idp:
        pass
    assert await refused(trusting(idp, Clock()), idp.token()) == "identity_unavailable"


@pytest.mark.parametrize("case", ["slow", "huge", "redirect", "html", "nested", "too many keys"])
async def test_what_is_no_key_set_within_bounds_is_none(idp: IdP, case: str) -> None:
    issuer = trusting(idp, Clock(), 1.5 if case == "slow" else 30)
    if case == "slow":
        idp.delay_s = 12
    elif case == "redirect":
        idp.status, idp.location = 302, f"{idp.url}/elsewhere"
    elif case == "too many keys":
        idp.keys *= 65
    else:
        page = {"huge": b" " * 300_000, "html": b"<html>", "nested": b"[" * 100_000}[case]
        idp.page = lambda _: page  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        assert await refused(issuer, idp.token()) == "identity_unavailable"
    assert idp.asked == ["/jwks"]


async def test_a_client_that_hangs_up_ends_nobody_elses_wait(idp: IdP) -> None:
    issuer = trusting(idp, Clock())
    idp.delay_s = 0.2
    first, second = (asyncio.create_task(issuer.read(idp.token())) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).tenant == "uni"
    assert idp.asked == ["/jwks"]


async def test_the_event_loop_goes_on_while_the_issuer_thinks(idp: IdP) -> None:
    issuer = trusting(idp, Clock())
    idp.delay_s = 0.3
    reading, turns = asyncio.create_task(issuer.read(idp.token())), 0
    while not reading.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert (await reading).tenant == "uni"
    assert turns > 5


async def test_keys_are_found_by_discovery_of_this_issuer_alone(idp: IdP) -> None:
    place = "/.well-known/openid-configuration"
    for said, right in (
        ({"issuer": idp.url, "jwks_uri": f"{idp.url}/jwks"}, True),
        ({"issuer": "https://other.example", "jwks_uri": f"{idp.url}/jwks"}, False),
        ({"issuer": idp.url, "jwks_uri": "http://other.example/jwks"}, False),
        ({"issuer": idp.url, "jwks_uri": "file:///etc/passwd"}, False),
        ({"issuer": idp.url}, False),
    ):
        idp.pages[place], issuer = json.dumps(said).encode(), trusting(idp, Clock(), jwks_url=None)
        if right:
            assert (await issuer.read(idp.token())).tenant == "uni"
        else:
            assert await refused(issuer, idp.token()) == "identity_unavailable", said
    assert set(idp.asked) == {place, "/jwks"}
