"""What a writer remembers of its last records: where each stands, and which exchanges are open. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.errors import BadEntry, IdempotencyConflict, RequestClosed
from audit.record import CLOSING, EXCHANGE, Kind, identity

MAX_PLACES = 50_000


@dataclass(frozen=True, slots=True)
class Place:
    """A stored record: its index, and what was said."""

    idx: int
    digest: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """State of one request. `seq` and `windows` count what is logged."""

    request_id: str
    tenant: str
    subject: str | None
    deadline_us: int
    seq: int = 1
    windows: int = 0
    closed: bool = False


class Recent:
    """Memory of the last records. A fork keeps its changes to itself, so a failed commit leaves no trace."""

    def __init__(self, base: Recent | None = None) -> None:
        self._base = base
        self._places: dict[tuple[str, int], Place] = {}
        self._exchanges: dict[str, Exchange] = {}

    def fork(self) -> Recent:
        """A memory to try a commit on."""
        return Recent(self)

    def place(self, request_id: str, seq: int) -> Place | None:
        """Where the record stands, if remembered."""
        found = self._places.get((request_id, seq))
        return self._base.place(request_id, seq) if found is None and self._base else found

    def indexes(self, request_id: str) -> list[int]:
        """Where the remembered records of a request stand, in order; none unless its first is among them."""
        found: list[int] = []
        while (place := self.place(request_id, len(found))) is not None:
            found.append(place.idx)
        return found

    def admit(self, leaf: Mapping[str, Any]) -> Place | None:
        """The place of an equal stored record, or None for a new one. IdempotencyConflict, RequestClosed, BadEntry."""
        request_id, seq = leaf["request_id"], leaf["seq"]
        stored = self.place(request_id, seq)
        if stored is not None:
            if stored.digest != identity(leaf):
                raise IdempotencyConflict(f"{request_id} seq {seq} is record {stored.idx} with another content")
            return stored
        exchange = self._exchange(request_id)
        if exchange is not None and leaf["kind"] in EXCHANGE:
            if exchange.closed:
                raise RequestClosed(f"{request_id} has its closing record; got seq {seq}")
            if seq != exchange.seq:
                raise BadEntry(f"seq of {request_id}: expected {exchange.seq}, got {seq}")
        return None

    def add(self, leaf: Mapping[str, Any]) -> None:
        """Remember a record."""
        request_id, kind = leaf["request_id"], leaf["kind"]
        self._places[request_id, leaf["seq"]] = Place(leaf["idx"], identity(leaf))
        exchange = self._exchange(request_id)
        if kind == Kind.request:
            self._exchanges[request_id] = Exchange(
                request_id, leaf["tenant"], leaf["subject"], leaf["fields"]["deadline_us"]
            )
        elif exchange is not None and kind in EXCHANGE:
            self._exchanges[request_id] = Exchange(
                request_id,
                exchange.tenant,
                exchange.subject,
                exchange.deadline_us,
                leaf["seq"] + 1,
                exchange.windows + (kind == Kind.window),
                kind in CLOSING,
            )
        self._forget()

    def merge(self, fork: Recent) -> None:
        """Take in what a fork of this memory has learnt."""
        self._places |= fork._places
        self._exchanges |= fork._exchanges
        self._forget()

    def overdue(self, now_us: int) -> Iterator[Exchange]:
        """Open exchanges past their deadline."""
        return (e for e in list(self._exchanges.values()) if not e.closed and e.deadline_us < now_us)

    def _exchange(self, request_id: str) -> Exchange | None:
        found = self._exchanges.get(request_id)
        return self._base._exchange(request_id) if found is None and self._base else found

    def _forget(self) -> None:
        while len(self._places) > MAX_PLACES:
            request_id, _ = oldest = next(iter(self._places))
            del self._places[oldest]
            exchange = self._exchanges.get(request_id)
            if exchange is not None and exchange.closed:
                del self._exchanges[request_id]
