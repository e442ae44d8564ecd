"""The response headers: structured fields as RFC 9651 has them, with the members that the draft asks for."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.limiting.bounds import Bound, Standing, Unit, bounds_of
from app.limiting.fields import rate_fields
from app.settings import Limits, TenantLimits
from tests.unit.app.limiting.conftest import NAMES, Make, person

Members = list[tuple[str, dict[str, int | str]]]
PARAMETER = re.compile(r';([a-z*][a-z0-9_.*-]*)=(?:(-?\d{1,15})|"((?:[ !#-\[\]-~]|\\["\\])*)")')
ITEM = re.compile(rf'"((?:[ !#-\[\]-~]|\\["\\])*)"((?:{PARAMETER.pattern})*)')


def parsed(field: str) -> Members:
    """A List of Strings with parameters (RFC 9651, sections 3.1, 3.1.2, 3.3.1, 3.3.3); anything else fails."""
    members: Members = []
    at = 0
    while True:
        item = ITEM.match(field, at)
        assert item, field[at:]
        told = PARAMETER.findall(item[2])
        members.append((item[1], {name: int(number) if number else text for name, number, text in told}))
        at = item.end()
        if at == len(field):
            return members
        assert field[at : at + 2] == ", ", field[at:]
        at += 2


AMOUNT = st.integers(1, 10**9)
TENANTS = st.builds(
    TenantLimits,
    requests_per_minute=st.none() | AMOUNT,
    tokens_per_minute=st.none() | AMOUNT,
    concurrent=st.none() | AMOUNT,
)


@given(st.builds(Limits, requests_per_minute=AMOUNT, tokens_per_minute=AMOUNT, each_tenant=TENANTS), st.data())
def test_the_fields_parse_and_agree(limits: Limits, data: st.DataObject) -> None:
    bounds = bounds_of(person(), limits, NAMES)
    counted = [bound for bound in bounds if bound.unit is not Unit.CONCURRENT]
    standings = [
        Standing(bound, data.draw(st.integers(0, bound.amount)), data.draw(st.integers(1, 60))) for bound in counted
    ]
    fields = rate_fields(bounds, standings)
    policies, states = dict(parsed(fields["ratelimit-policy"])), dict(parsed(fields["ratelimit"]))
    assert len(policies) == len(bounds)
    for bound in bounds:
        window = {} if bound.unit is Unit.CONCURRENT else {"w": 60}
        assert policies[bound.policy] == {"q": bound.amount, "qu": bound.unit.value} | window
    assert states == {each.bound.policy: {"r": each.remaining, "t": each.reset_s} for each in standings}
    for unit in ("requests", "tokens"):
        left = [each.remaining for each in standings if each.bound.unit.value == unit]
        assert int(fields[f"x-ratelimit-remaining-{unit}"]) == min(left)
        assert re.fullmatch(r"\d+s", fields[f"x-ratelimit-reset-{unit}"])
    assert all(name == name.lower() and value.isascii() for name, value in fields.items())


async def test_they_tell_what_is_left(make: Make) -> None:
    limiter = make(Limits(requests_per_minute=10, tokens_per_minute=500, concurrent=4))
    await limiter.check(person())
    await limiter.spend(person(), 120)
    fields = await limiter.check(person())
    assert fields["ratelimit-policy"] == (
        '"requests";q=10;qu="requests";w=60, "tokens";q=500;qu="tokens";w=60, '
        '"concurrent-requests";q=4;qu="concurrent-requests"'
    )
    states = dict(parsed(fields["ratelimit"]))
    assert (states["requests"]["r"], states["tokens"]["r"]) == (8, 380)
    assert all(1 <= int(state["t"]) <= 61 for state in states.values())
    assert fields["x-ratelimit-limit-requests"] == "10"
    assert fields["x-ratelimit-remaining-requests"] == "8"
    assert fields["x-ratelimit-limit-tokens"] == "500"
    assert fields["x-ratelimit-remaining-tokens"] == "380"


def test_the_tightest_bound_is_what_openai_clients_see() -> None:
    own = Bound("requests", Unit.REQUESTS, 100, "a")
    together = Bound("tenant-requests", Unit.REQUESTS, 1000, "b")
    tokens = Standing(Bound("tokens", Unit.TOKENS, 9, "a"), 9, 1)
    fields = rate_fields([own, together], [Standing(own, 90, 5), Standing(together, 3, 7), tokens])
    assert fields["x-ratelimit-limit-requests"] == "1000"
    assert fields["x-ratelimit-remaining-requests"] == "3"
    assert fields["x-ratelimit-reset-requests"] == "7s"
