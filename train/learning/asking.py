"""What the log is asked: reviews that settled something, findings, and the exchanges that they are about.

Only `exchanges` opens text, and only of the requests that it is given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from deployments.chat import Turn
from train.learning.conversation import BadPrompt, turns_of

Ask = Callable[[str], Sequence[Mapping[str, Any]]]
"""Rows of one SELECT over the views of docs/audit-views.md."""

_AT_ONCE = 1000
_REVIEWS = """
select r.origin, r.idx, r.request_id, r.about, q.state, r.decision, r.label, r.expected, r.reviewer,
    coalesce(r.means, 'human') as means
from reviews r join review_queue q on q.about = r.about
where r.kind = 'review' and q.state in ('agreed', 'decided') order by r.origin, r.idx"""
_FINDINGS = """
select origin, idx, request_id, about, attack, outcome, category, expected, seed, source
from findings where about is not null and source <> 'gold' order by origin, idx"""
# of `records`, not `exchanges`: a filter on many requests reaches it before a text is opened
_RECORDS = """
select request_id, ts, kind, action, category, fields->>'finish_reason' as finish_reason, text
from records where request_id in ({}) and kind in ('request', 'window', 'answer', 'refusal', 'lesson')
order by request_id, origin, idx"""


@dataclass(frozen=True, slots=True)
class Review:
    """A label or a decision about an item that is agreed or decided (`state`); means human where none was said."""

    origin: str
    idx: int
    request_id: str
    about: str
    state: str
    decision: str
    label: str | None
    expected: str | None
    reviewer: str | None
    means: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An attack that was tried, by a tool or a person; `about` is the request, `seed` the digest of what it hid."""

    origin: str
    idx: int
    request_id: str
    about: str
    attack: str
    outcome: str
    category: str | None
    expected: str | None
    seed: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, what the guard decided at the request, and what was shown: answer, lesson or refusal.

    finished: an answer that came to its own end.
    """

    request_id: str
    ts: datetime
    action: str | None
    category: str | None
    turns: tuple[Turn, ...]
    response: str
    finished: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """Exchanges by id, oldest first. closed: erased, or dropped by a rule; garbled: its text is no conversation."""

    exchanges: dict[str, Exchange]
    closed: frozenset[str]
    garbled: frozenset[str]


def reviews(ask: Ask) -> list[Review]:
    """All that settled items rest on, oldest first in each log. Raises what `ask` raises."""
    return [Review(**row) for row in ask(_REVIEWS)]


def findings(ask: Ask) -> list[Finding]:
    """All findings about a request, without those that only test reviewers."""
    return [Finding(**row) for row in ask(_FINDINGS)]


def exchanges(ask: Ask, wanted: Iterable[str]) -> Opened:
    """The exchanges among these ids, text opened. An id that is no request's, such as an alert's, counts as closed."""
    ids, found, garbled = sorted(set(wanted)), list[Exchange](), set[str]()
    for name, records in groupby(_asked(ask, ids), key=lambda row: str(row["request_id"])):
        first, *rest = records
        if first["kind"] != "request" or first["text"] is None:
            continue
        try:
            found.append(_exchange(first, rest))
        except BadPrompt:
            garbled.add(name)
    by_age = {one.request_id: one for one in sorted(found, key=lambda one: (one.ts, one.request_id))}
    return Opened(by_age, frozenset(ids) - by_age.keys() - garbled, frozenset(garbled))


def _asked(ask: Ask, ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for at in range(0, len(ids), _AT_ONCE):
        yield from ask(_RECORDS.format(", ".join(map(_quoted, ids[at : at + _AT_ONCE]))))


def _exchange(request: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]) -> Exchange:
    shown = "".join(record["text"] or "" for record in rest)  # windows, or one lesson or refusal
    finished = any(record["finish_reason"] == "stop" for record in rest)
    return Exchange(
        request["request_id"], request["ts"].astimezone(UTC), request["action"], request["category"],
        turns_of(request["text"]), shown, finished,
    )  # fmt: skip


def _quoted(text: str) -> str:
    """A string literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
