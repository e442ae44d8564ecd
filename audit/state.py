"""What state a record changes, and where that state was last changed: the base of `if_last`.

A record with `if_last=(key, idx)` is taken only while record `idx` is the last that changed `key` (-1: none yet), so
writers agree without a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from audit.record import Kind

NEVER = -1
_ABOUT = frozenset({Kind.review, Kind.appeal, Kind.alert})
KEYED = _ABOUT | {Kind.policy, Kind.promotion, Kind.grant, Kind.revocation, Kind.key, Kind.prune, Kind.erase,
                 Kind.epoch_ack}  # fmt: skip


def state_key(leaf: Mapping[str, Any]) -> str | None:
    """The state that a record changes: `policy`, `promotion/<name>`, `grant/<jti>`, `review/<request>`, ..."""
    kind, fields = leaf["kind"], leaf["fields"]
    if kind in _ABOUT:
        return f"{kind}/{fields['about']}" if fields["about"] else None
    if kind == Kind.promotion:
        return f"promotion/{fields['name']}"
    if kind in (Kind.grant, Kind.revocation):
        jti = fields.get("jti")
        return f"grant/{jti}" if jti else None  # keys revoked by subject: a later moment only adds to it
    if kind in (Kind.erase, Kind.epoch_ack):
        return f"{kind}/{fields['subject']}"
    return str(kind) if kind in KEYED else None


class State:
    """Index of the last record per key. A fork keeps its changes to itself."""

    def __init__(self, base: State | None = None) -> None:
        self._base = base
        self._last: dict[str, int] = {}

    def fork(self) -> State:
        """A state to try a commit on."""
        return State(self)

    def last(self, key: str) -> int:
        """Index of the last record that changed `key`; NEVER if none did."""
        found = self._last.get(key)
        return found if found is not None else self._base.last(key) if self._base else NEVER

    def add(self, leaf: Mapping[str, Any]) -> None:
        """Take one record in."""
        key = state_key(leaf)
        if key is not None:
            self._last[key] = leaf["idx"]

    def fill(self, leaves: Iterable[Mapping[str, Any]]) -> State:
        """Take older records in, in order; what is known already is newer and stays."""
        older = State()
        for leaf in leaves:
            older.add(leaf)
        self._last = older._last | self._last
        return self
