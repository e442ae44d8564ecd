"""Three days of 2040 in a real log, small enough to count by hand: every outcome, and what people did about it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from audit import init
from audit.erasure import erase
from audit.record import Entry, Kind
from tests.unit.audit.conftest import ALLOWED, DIGESTS, World

START, END = "2040-01-01", "2040-01-04"
MALWARE = {"action": "REFUSE", "category": "malware", "score_ppm": 900_000}
OVERRIDE = {"action": "REFUSE", "category": "override", "score_ppm": 950_000}
TEACH = {"action": "TEACH", "category": "dual_use", "score_ppm": 700_000}
UNJUDGED = {"action": None, "category": None, "score_ppm": None}
HOSTILE = "<script>alert(1)</script>"
CHALLENGER, ADAPTER, SEED = "h" * 64, "a" * 64, "5" * 64
PLAIN, TUNED = "m" * 64, "n" * 64
MASKED = {"check": "sanitizer", "action": "REDACT", "category": "personal_data", "score_ppm": None}
PROMOTED = {
    "name": "tutor",
    "model_digest": PLAIN,
    "base": "smol",
    "adapter_digest": None,
    "weights": {"w": "1" * 64},
}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}

Timed = tuple[float, str, Entry]


def tell(home: Path) -> World:
    """The root below `home`; its first records are of today, all others of 2040."""
    world = World(home)
    init.begin(world.address, home / "keys", "test", 1)
    now = [0.0]

    def clock() -> int:
        return int((datetime(2040, 1, 1, tzinfo=UTC) + timedelta(hours=now[0])).timestamp() * 1_000_000)

    logs = {name: world.open(name, clock=clock) for name in ("control", "exchange-0")}
    for hours, name, entry in sorted([*_exchanges(), *_control()], key=lambda one: one[0]):
        now[0] = hours
        (result,) = logs[name].append([entry])
        assert not isinstance(result, Exception), (entry, result)
    now[0] = 71
    logs["control"].append([Entry.operational(Kind.head, logs["exchange-0"].head())])
    assert erase(world.address, world.keys, "school", "dan") is not None
    return world


def _exchanges() -> Iterator[Timed]:
    """13 questions in the period: at its first moment the first, one just before it, and one at its end."""
    yield from _answered(-1e-6, "before")
    yield from _answered(0, "q1")
    cut = {"finish_reason": "content_filter", "windows": 0, "usage": USAGE} | MALWARE
    yield from _asked(1, "q2", Kind.answer, cut, "")
    yield from _asked(2, "q3", Kind.refusal, MALWARE | {"lesson": None}, "No.", "bob", **MALWARE)
    shown = TEACH | {"lesson": "authorised-testing"}
    yield from _asked(3, "q4", Kind.lesson, shown, "Learn.", **TEACH)
    yield from _asked(25, "q5", Kind.lesson, shown, "Learn.", "bob", **TEACH)
    yield from _asked(26, "q6", Kind.refusal, OVERRIDE | {"lesson": None}, "No.", **OVERRIDE)
    yield from _asked(27, "q7", Kind.fault, {"cause": "guard", "stage": "prompt"}, None, **UNJUDGED)
    yield from _asked(28, "q8", Kind.interrupted, {"cause": "disconnect", "windows": 0}, None)
    yield from _answered(29, "q9", "red", role="redteam")
    for hours, name in ((30, "q10"), (31, "q11"), (54, "q12")):
        yield from _asked(
            hours, name, Kind.refusal, MALWARE | {"lesson": None}, "No.", "red", role="redteam", **MALWARE
        )
    yield from _answered(55, "q13", "dan", checks=[MASKED], model_digest=TUNED)
    yield from _answered(72, "after")


def _control() -> Iterator[Timed]:
    rules = {name: DIGESTS[name] for name in ("policy_digest", "guard_digest", "terms_digest")}
    accepted = {"terms_digest": DIGESTS["terms_digest"], "version": "1"}
    source = {"name": "cve", "digest": "c" * 64, "licence": "CC0-1.0"}
    approved = {name: rules[name] for name in ("policy_digest", "terms_digest")}
    signed = approved | {"ethics_digest": "3" * 64, "signer": "5" * 16, "signature": "c2lnbmVk"}
    gate = {
        "name": "safety",
        "candidate": ADAPTER,
        "suite_digest": "e" * 64,
        "passed": True,
        "metrics": {"refusals": 7},
    }
    shadow = PROMOTED | {"name": "guard", "model_digest": CHALLENGER, "stage": "shadow"}
    tuned = PROMOTED | {"model_digest": TUNED, "adapter_digest": ADAPTER, "gate": "safety"}
    run = {"name": "run-1", "job": "tune", "status": "finished", "base": "smol", "dataset_digest": "d" * 64,
           "adapter_digest": ADAPTER, "config_digest": "f" * 64, "metrics": {"loss": 3}}  # fmt: skip
    told: list[tuple[float, Kind, str, dict[str, Any], str, str | None]] = [
        (-9, Kind.policy, "p0", rules | {"policy_digest": "0" * 64}, "", None),
        (-8, Kind.policy, "p1", rules, "", None),
        (-8, Kind.signoff, "so1", signed, "", None),
        (-7, Kind.promotion, "m1", PROMOTED, "", None),
        (-6, Kind.grant, "g1", {"jti": "k1", "role": "learner", "expires_us": 1}, "ada", None),
        (-5, Kind.terms, "t1", accepted, "ada", None),
        (-4, Kind.terms, "t2", accepted, "red", None),
        (-3, Kind.terms, "t3", accepted, "dan", None),
        (4, Kind.lesson_pass, "l1", {"category": "dual_use", "lesson": "authorised-testing", "expires_us": 1} | {
            "policy_digest": rules["policy_digest"]}, "ada", None),
        (5, Kind.alert, "a1", {"rule": "high_risk", "severity": "critical", "about": "q3"}, "", None),
        (6, Kind.tick, "c1", {"counts": {"rate_limited": 3, "terms_not_accepted": 2}}, "", None),
        (7, Kind.tick, "c2", {"counts": {"rate_limited": 1}}, "", None),
        (8, Kind.shadow, "s1", MALWARE | {"about": "q1", "guard_digest": CHALLENGER}, "", None),
        (24, Kind.terms, "t4", accepted, "bob", None),
        (32, Kind.appeal, "ap1", {"about": "q3"}, "bob", HOSTILE),
        (33, Kind.appeal, "ap2", {"about": "q6"}, "ada", "It was my own router \N{GREEK SMALL LETTER OMEGA}."),
        (34, Kind.alert, "a2", {"rule": "stale", "severity": "warning", "value_ppm": 2_500_000}, "", None),
        (35, Kind.dataset, "d1", {"name": HOSTILE, "digest": "d" * 64, "rows": 12, "sources": [source]}, "", None),
        (36, Kind.run, "r1", run, "", None),
        (37, Kind.gate, "ga1", gate, "", None),
        (38, Kind.promotion, "m2", tuned, "", None),
        (39, Kind.promotion, "m3", PROMOTED, "", None),
        (40, Kind.promotion, "m4", shadow, "", None),
        (41, Kind.access, "x1", {"about": "q6", "records": 2}, "rita", "appeal"),
        *((at, Kind.finding, *one) for at, one in _findings()),
        *((at, Kind.review, *one) for at, one in _reviews()),
    ]  # fmt: skip
    for hours, kind, name, fields, subject, text in told:
        yield hours, "control", Entry(kind, name, 0, "school", subject, fields, text, "operator")


def _findings() -> Iterator[tuple[float, tuple[str, dict[str, Any], str, None]]]:
    """Of two harmful seeds one gets through and, tried again, is held; a benign one is refused."""
    rot, b64 = "pyrit:rot13", "pyrit:base64"
    for hours, name, about, attack, outcome, expected, seed, severity in (
        (42, "f1", "q9", rot, "bypass", "REFUSE", SEED, "high"),
        (43, "f2", "q10", b64, "held", "REFUSE", "6" * 64, None),
        (44, "f3", "q11", b64, "false_refusal", "ALLOW", "7" * 64, "low"),
        (56, "f4", "q12", rot, "held", "REFUSE", SEED, None),
        (45, "f5", None, "gold", "held", "ALLOW", None, None),
    ):
        source = "gold" if attack == "gold" else "tool"
        yield hours, (name, {"campaign": "c-1", "attack": attack, "outcome": outcome, "about": about, "seed": seed,
                             "expected": expected, "severity": severity, "source": source}, "", None)  # fmt: skip


def _reviews() -> Iterator[tuple[float, tuple[str, dict[str, Any], str, None]]]:
    """q3 is agreed, q2 disputed, q6 overturned, the second alert closed."""
    one, other, third = "1" * 64, "2" * 64, "3" * 64
    for hours, about, decision, label, expected, reviewer in (
        (46, "q3", "label", "harmful", "REFUSE", one),
        (47, "q3", "label", "harmful", "REFUSE", other),
        (48, "q2", "label", "harmful", "REFUSE", one),
        (49, "q2", "label", "educational", "ALLOW", other),
        (50, "q6", "claim", None, None, third),
        (51, "q6", "overturn", "educational", "ALLOW", third),
        (52, "a2", "uphold", None, None, third),
    ):
        yield hours, (f"v{hours}", {"about": about, "decision": decision, "label": label, "expected": expected,
                                    "reviewer": reviewer, "means": "human"}, "", None)  # fmt: skip


def _asked(hours: float, name: str, end: Kind, fields: dict[str, Any], text: str | None, person: str = "ada",
           **more: Any) -> Iterator[Timed]:  # fmt: skip
    asked = World.request(name, **more)
    yield hours, "exchange-0", Entry(Kind.request, name, 0, "school", person, asked.fields, asked.text)
    yield hours + 0.001, "exchange-0", Entry(end, name, 1, "school", person, fields, text)


def _answered(hours: float, name: str, person: str = "ada", **more: Any) -> Iterator[Timed]:
    asked = World.request(name, **more)
    yield hours, "exchange-0", Entry(Kind.request, name, 0, "school", person, asked.fields, asked.text)
    fields = {"finish_reason": "stop", "windows": 1, "usage": USAGE} | ALLOWED
    said = Entry(Kind.window, name, 1, "school", person, {"n": 0} | ALLOWED, "Yes.")
    yield hours + 0.0001, "exchange-0", said
    yield hours + 0.001, "exchange-0", Entry(Kind.answer, name, 2, "school", person, fields, "Yes.")
