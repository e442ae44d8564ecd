"""The kinds of record, which of them make up an exchange, and which carry text."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Every kind of record. `lesson_pass` is written `pass`, which Python keeps for itself."""

    genesis = "genesis"
    logs = "logs"
    policy = "policy"
    signoff = "signoff"
    terms = "terms"
    lesson_pass = "pass"  # noqa: S105 - a lesson's
    grant = "grant"
    revocation = "revocation"
    promotion = "promotion"
    review = "review"
    appeal = "appeal"
    finding = "finding"
    alert = "alert"
    shadow = "shadow"
    head = "head"
    erase = "erase"
    epoch_ack = "epoch_ack"
    pack = "pack"
    prune = "prune"
    key = "key"
    access = "access"
    tick = "tick"
    request = "request"
    window = "window"
    answer = "answer"
    refusal = "refusal"
    lesson = "lesson"
    fault = "fault"
    interrupted = "interrupted"
    dataset = "dataset"
    run = "run"
    gate = "gate"


CLOSING = frozenset({Kind.answer, Kind.refusal, Kind.lesson, Kind.fault, Kind.interrupted})
EXCHANGE = CLOSING | {Kind.request, Kind.window}
TEXT_REQUIRED = frozenset({Kind.request, Kind.window, Kind.answer, Kind.refusal, Kind.lesson, Kind.access})
TEXT_ALLOWED = TEXT_REQUIRED | {
    Kind.fault, Kind.review, Kind.appeal, Kind.finding, Kind.alert, Kind.lesson_pass,
}  # fmt: skip
