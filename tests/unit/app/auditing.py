"""A log that several tenants have written to, for what auditors ask; and people who ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.auth import OPERATOR, Principal, Role
from audit import init
from audit.record import Entry, Kind
from tests.unit.audit.conftest import ALLOWED, World

TENANTS = ("school", "bank", "o'hara")
REFUSED = {"action": "REFUSE", "category": "malware", "score_ppm": 900_000}
TAUGHT = {"action": "TEACH", "category": "dual_use", "score_ppm": 700_000}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
UNJUDGED = {"action": None, "category": None, "score_ppm": None}


def auditor(tenant: str = OPERATOR) -> Principal:
    """Somebody who audits a tenant."""
    return Principal("rita", tenant, Role.AUDITOR, "j", 2**40)


def begun(home: Path) -> World:
    """A root that holds nothing yet."""
    world = World(home)
    init.begin(world.address, home / "keys", "test", 1)
    return world


def asked(tenant: str, name: str, closing: Kind | None = None, **judged: Any) -> list[Entry]:
    """A question of a tenant's, and how it ended."""
    request = World.request(name, **judged)
    entries = [Entry(Kind.request, name, 0, tenant, f"{tenant}-ada", request.fields, "What?")]
    ends: dict[Kind, dict[str, Any]] = {
        Kind.answer: {"finish_reason": "stop", "windows": 0, "usage": USAGE} | ALLOWED,
        Kind.refusal: judged | {"lesson": None},
        Kind.lesson: judged | {"lesson": "authorised-testing"},
        Kind.fault: {"cause": "guard", "stage": "prompt"},
    }
    if closing is not None:
        text = None if closing is Kind.fault else "" if closing is Kind.answer else "Said."
        entries.append(Entry(closing, name, 1, tenant, f"{tenant}-ada", ends[closing], text))
    return entries


def exchanges(tenant: str) -> Iterator[Entry]:
    """One of each outcome."""
    yield from asked(tenant, f"{tenant}-allowed", Kind.answer)
    yield from asked(tenant, f"{tenant}-refused", Kind.refusal, **REFUSED)
    yield from asked(tenant, f"{tenant}-taught", Kind.lesson, **TAUGHT)
    yield from asked(tenant, f"{tenant}-failed", Kind.fault, **UNJUDGED)


def alert(name: str, about: str | None, tenant: str = "", severity: str = "warning") -> Entry:
    """A rule that fired."""
    fields = {"rule": "burst", "severity": severity, "about": about, "value_ppm": 2_500_000}
    return Entry(Kind.alert, name, 0, tenant, "", fields)


def decided(about: str) -> Entry:
    """What closes an alert."""
    fields = {"about": about, "decision": "uphold", "label": "harmful", "expected": "REFUSE", "reviewer": "1" * 64}
    return Entry(Kind.review, f"review-{about}", 0, "", "", fields)


def append(world: World, log: str, *entries: Entry) -> None:
    """Put them into a log, one commit each, so that each has a time of its own."""
    opened = world.open(log)
    for entry in entries:
        (result,) = opened.append([entry])
        assert not isinstance(result, Exception), (entry, result)


def tell(home: Path) -> World:
    """Exchanges and appeals of all tenants, grants, and records of nobody."""
    world = begun(home)
    for tenant in TENANTS:
        grant = Entry(Kind.grant, f"grant-{tenant}", 0, tenant, "eve", {"jti": "k", "role": "learner", "expires_us": 1})
        appeal = Entry(Kind.appeal, f"appeal-{tenant}", 0, tenant, "ada", {"about": f"{tenant}-refused"}, "It is mine.")
        append(world, "exchange-0", *exchanges(tenant))
        append(world, "control", grant, appeal)
    append(world, "control", Entry.operational(Kind.tick, {"counts": {"csrf": 1}}))
    return world
