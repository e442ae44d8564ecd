"""What the golden log says: one example of every kind that callers append."""

import json
from typing import Any

from audit.record import Entry, Kind

ALLOW = {"action": "ALLOW", "category": None, "score_ppm": 1200}
REFUSE = {"action": "REFUSE", "category": "malware", "score_ppm": 987_000}
TEACH = {"action": "TEACH", "category": "network", "score_ppm": 640_000}
MODEL, GUARD, POLICY, TERMS, DATA = ("sha256:" + letter * 64 for letter in "12345")
NONCE = "A **number** used once: no two messages are alike, even when they say the same."
WORDED = (
    NONCE,
    "",
    "1. First\n2) Second\n\n> 10. Tenth, not 2.5 or 3.x",
    "```python\nx = 1  # y\n```\n~~~\nZ\r\n~~~\r\nend",
    "``` two words\nstay",
    "Stra\u00dfe \ufb01ne \u00bd \u00b2 \u2460 \u03c3\u03c2 \u0131\u0130",
    "e\u0301 = \u00e9; a\u0308\u0323",
    "\u0915\u093f \u0e01\u0e33 \u05e9\u05b8 \U0001f642\ufe0f \u2028 1. x",
    "snake_case `code` don\u2019t \u201cquote\u201d \u2014 |a|b|",
    "\U00010400 \U0001d400 \uff21\uff11 \u212b \u01c5",
)
"""Texts whose words every implementation has to make alike."""
CURRENT = {"policy_digest": POLICY, "guard_digest": GUARD, "terms_digest": TERMS}


def request_id(number: int) -> str:
    """A UUIDv7 of the golden log's first minute."""
    return f"019b7691-3c00-7000-8000-{number:012}"


def request(number: int, who: str, text: str, judged: dict[str, Any]) -> Entry:
    rules = {"check": "rules", "action": "ALLOW", "category": None, "score_ppm": None}
    fields = judged | CURRENT | {
        "checks": [rules, {"check": "encoder"} | judged] if judged["action"] else [],
        "client_request_id": f"client-{number}", "model_digest": MODEL, "stream": number % 2 == 0, "role": "learner",
        "params": {"max_tokens": 16, "seed": None, "temperature_ppm": 0}, "deadline_us": 4_000_000_000_000_000,
    }  # fmt: skip
    messages = json.dumps([{"role": "user", "content": text}])
    return Entry(Kind.request, request_id(number), 0, "school", who, fields, messages)


def answered(number: int, who: str, question: str, *pieces: str) -> list[Entry]:
    """A whole exchange."""
    windows = [
        Entry(Kind.window, request_id(number), at, "school", who, {"n": at - 1} | ALLOW, piece)
        for at, piece in enumerate(pieces, 1)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 12}
    made = {"model_digest": MODEL, "policy_digest": POLICY}
    end = ALLOW | made | {"finish_reason": "stop", "windows": len(pieces), "usage": usage}
    answer = Entry(Kind.answer, request_id(number), len(pieces) + 1, "school", who, end, "".join(pieces))
    return [request(number, who, question, ALLOW), *windows, answer]


def closed(number: int, who: str, question: str, judged: dict[str, Any], kind: Kind, text: str) -> list[Entry]:
    """A question that got a lesson or a refusal."""
    ending = Entry(kind, request_id(number), 1, "school", who, judged | {"lesson": "scope"}, text)
    return [request(number, who, question, judged), ending]


def faulty(number: int, who: str, question: str) -> list[Entry]:
    """A question that failed, and one that was cut off."""
    unchecked = {"action": None, "category": None, "score_ppm": None}
    return [
        request(number, who, question, unchecked),
        Entry(Kind.fault, request_id(number), 1, "school", who, {"cause": "guard_unavailable", "stage": "check"}),
        request(number + 1, who, question, ALLOW),
        Entry(Kind.interrupted, request_id(number + 1), 1, "school", who, {"cause": "disconnect", "windows": 0}),
    ]


def control(about: str) -> list[Entry]:
    """One record of every kind that the control log takes from callers."""

    def record(kind: Kind, who: str, fields: dict[str, Any], text: str | None = None, name: str = "") -> Entry:
        return Entry(kind, f"golden-{name or kind}", 0, "school" if who else "", who, fields, text, actor="operator")

    source = {"name": "handbook", "digest": DATA, "licence": "CC0-1.0"}
    metrics = {"loss_ppm": 1_930_000, "delta_ppm": -12}
    return [
        record(Kind.terms, "ada", {"terms_digest": TERMS, "version": "2026-01"}),
        record(Kind.grant, "ada", {"jti": "key-1", "role": "learner", "expires_us": 1_800_000_000_000_000}),
        record(Kind.lesson_pass, "bob", {"category": "network", "lesson": "scope", "policy_digest": POLICY,
                                         "expires_us": 1_800_000_000_000_000}, "Only my own machines."),
        record(Kind.revocation, "", {"jti": "key-0"}),
        record(Kind.revocation, "bob", {"before_us": 1_767_225_000_000_000, "issuer": "preceptor"},
               name="revocation-of-all"),
        record(Kind.signoff, "", {"policy_digest": POLICY, "terms_digest": TERMS, "ethics_digest": DATA,
                                  "signer": "0123456789abcdef", "signature": "c2lnbmVk"}),
        record(Kind.appeal, "bob", {"about": about}, "It was my own router: \u201cfritz\u201d \U0001f642"),
        record(Kind.review, "bob", {"about": about, "decision": "uphold"}, "No permission was named."),
        record(Kind.finding, "red", {"campaign": "c1", "attack": "base64", "outcome": "refused"}),
        record(Kind.shadow, "", {"about": about, "guard_digest": GUARD, "action": "REFUSE", "category": "network",
                                 "score_ppm": 910_000}),
        record(Kind.alert, "", {"rule": "refusals", "severity": "warning", "value_ppm": 250_000}),
        record(Kind.access, "eve", {"about": about, "records": 2}, "appeal"),
        record(Kind.dataset, "", {"name": "d1", "digest": DATA, "rows": 812, "sources": [source]}),
        record(Kind.run, "", {"name": "r1", "job": "j1", "status": "finished", "base": "small", "dataset_digest": DATA,
                              "adapter_digest": None, "config_digest": DATA, "metrics": metrics}),
        record(Kind.gate, "", {"name": "g1", "candidate": MODEL, "suite_digest": DATA, "passed": True,
                               "metrics": metrics}),
        record(Kind.promotion, "", {"name": "tutor", "model_digest": MODEL, "base": "small", "adapter_digest": None,
                                    "weights": {"model.gguf": MODEL}, "gate": "g1"}),
    ]  # fmt: skip
