"""The writer of one log. Sync; one thread calls it. Two writers by accident are safe: one loses the create, reloads.

A commit is one new segment under its first index. Nothing is acknowledged before it is durable, and what is about to be
published is first read back through the verifier's own check.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Self

from audit import segment
from audit.checkpoint import VerifierKey, b64
from audit.draft import Draft, draft_entry, draft_interruption
from audit.errors import AuditError, BadNote, BadRoot, BadSegment, Unavailable
from audit.folder import LogFolder
from audit.keys import Keys
from audit.receipt import Receipt, Receipts, search
from audit.recent import Recent
from audit.record import Entry, Kind
from audit.segment import End, Row, Segment

__all__ = ["Log", "Receipt"]

RECENT_RECORDS = 2_000
CACHED_LEAVES = 5_000
IDLE_US = 60_000_000


def now_us() -> int:
    """Epoch microseconds."""
    return time.time_ns() // 1000


class Log:
    """Appends, and answers what only the writer can answer quickly. Raises AuditError and nothing else."""

    def __init__(self, folder: LogFolder, key: VerifierKey, keys: Keys, clock: Callable[[], int] = now_us) -> None:
        self._folder = folder
        self._key = key
        self._keys = keys
        self._clock = clock
        self._starts: list[int] = []
        self._end = End()
        self._last: Segment | None = None
        self._recent = Recent()
        self._leaves: deque[dict[str, Any]] = deque(maxlen=CACHED_LEAVES)

    @classmethod
    def open(cls, root: Path, keys: Keys, *, clock: Callable[[], int] = now_us) -> Self:
        """The log in `root`, a folder that `audit.init` made. BadRoot, BadSegment, Unavailable."""
        folder = LogFolder(root)
        try:
            key = folder.key()
            starts = folder.starts()
        except (OSError, BadNote) as error:
            raise BadRoot(f"{root.name}: expected a log begun by audit.init, got {error}") from error
        if key.public != keys.public or not starts:
            raise BadRoot(f"{root.name}: expected segments and the key that signs them")
        log = cls(folder, key, keys, clock)
        with _available():
            folder.sweep()
            folder.sync()
        log._load(starts)
        return log

    @classmethod
    def begin(cls, root: Path, key: VerifierKey, keys: Keys, name: str) -> Self:
        """A new log with its genesis record; only `audit.init` calls this."""
        folder = LogFolder(root)
        with _available():
            folder.begin(key)
        log = cls(folder, key, keys)
        log.append([Entry(Kind.genesis, "genesis", 0, "", "", {"format": 1, "name": name}, actor="operator")])
        return log

    @property
    def size(self) -> int:
        """Records known to be in the log."""
        return self._end.frontier.size

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._key.name

    def checkpoint(self) -> str:
        """The signed head (tlog-checkpoint)."""
        return "" if self._last is None else self._last.note

    def head(self) -> dict[str, Any]:
        """Origin, size and root, in the shape of a `head` record."""
        return {"origin": self.origin, "size": self.size, "root": b64(self._end.frontier.root())}

    def tag(self, tenant: str, subject: str) -> str:
        """What leaves say instead of this subject; its key is durable when this returns."""
        return self._keys.subjects.of(tenant, subject).tag(tenant)

    def append(self, entries: Sequence[Entry]) -> list[Receipt | AuditError]:
        """Commit entries together; one result each, in order. A bad entry never fails its neighbours.

        An equal (request_id, seq) gets the stored record's receipt, another content IdempotencyConflict.
        Raises Unavailable: nothing is acknowledged and the same call may be repeated.
        """
        return self._commit([self._draft(entry) for entry in entries])

    def tick(self, now_us: int) -> list[Receipt | AuditError]:
        """Close what is past its deadline; give a sign of life after a minute of silence."""
        self._adopt()
        drafts: list[Draft | AuditError] = [
            draft_interruption(self.origin, exchange) for exchange in self._recent.overdue(now_us)
        ]
        if not drafts and now_us - self._end.ts >= IDLE_US:
            drafts = [self._draft(Entry.operational(Kind.tick, {"counts": {}}))]
        return self._commit(drafts) if drafts else []

    def tail(self, start: int, limit: int = 1000) -> list[dict[str, Any]]:
        """Leaves from index `start` on, at most `limit`, also those that another writer appended."""
        self._adopt()
        if start >= self.size or start < 0:
            return []
        first = self._leaves[0]["idx"]
        if start >= first:
            return list(islice(self._leaves, start - first, start - first + limit))
        found: list[dict[str, Any]] = []
        at = bisect_right(self._starts, start) - 1
        while at < len(self._starts) and len(found) < limit:
            found += [leaf for leaf in self._read(self._starts[at]).leaves if leaf["idx"] >= start]
            at += 1
        return found[:limit]

    def receipt(self, request_id: str) -> list[Receipt]:
        """Receipts of all records of a request, in order; empty if there are none.

        Records older than what is remembered are found by the time in their UUIDv7, other ids are not.
        """
        self._adopt()
        starts = self._recent.starts(request_id)
        held = map(self._read, starts) if starts else search(request_id, self._starts, self._read)
        found: list[Receipt] = []
        for part in held:
            indexes = [leaf["idx"] for leaf in part.leaves if leaf["request_id"] == request_id]
            found += map(Receipts(part, self._keys.subjects).of, indexes)
        return found

    def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """The same as plain dictionaries."""
        return [asdict(receipt) for receipt in self.receipt(request_id)]

    def _draft(self, entry: Entry) -> Draft | AuditError:
        try:
            return draft_entry(self.origin, entry, self._keys.subjects)
        except Unavailable:
            raise
        except AuditError as error:
            return error

    def _commit(self, drafts: Sequence[Draft | AuditError]) -> list[Receipt | AuditError]:
        while True:
            rows, outcome = self._plan(drafts)
            if not rows or self._publish(rows):
                return self._answer(outcome)
            if not self._adopt():
                raise Unavailable("the next segment exists and cannot be read")

    def _plan(self, drafts: Sequence[Draft | AuditError]) -> tuple[list[Row], list[int | AuditError]]:
        """Rows to write, and per draft its index or its error; nothing is remembered yet."""
        recent, rows, outcome = self._recent.fork(), list[Row](), list[int | AuditError]()
        ts = max(self._clock(), self._end.ts)
        for draft in drafts:
            if isinstance(draft, AuditError):
                outcome.append(draft)
                continue
            leaf = draft.leaf(self.size + len(rows), ts, self._end.seal if not rows else None)
            try:
                stored = recent.admit(leaf)
            except AuditError as error:
                outcome.append(error)
                continue
            outcome.append(leaf["idx"] if stored is None else stored.idx)
            if stored is None:
                recent.add(leaf, self.size)
                rows.append(draft.row(leaf))
        return rows, outcome

    def _publish(self, rows: Sequence[Row]) -> bool:
        data = segment.encode(self.origin, self._end.frontier, rows, self._keys.signer)
        checked = segment.decode(data, self._key, self.size)
        segment.follow(self._end, checked)
        with _available():
            if not self._folder.create(self.size, data):
                return False
        self._absorb(checked)
        return True

    def _answer(self, outcome: Sequence[int | AuditError]) -> list[Receipt | AuditError]:
        """Receipts by segment: most results stand in the one just written."""
        makers: dict[int, Receipts] = {}
        results: list[Receipt | AuditError] = []
        for result in outcome:
            if isinstance(result, AuditError):
                results.append(result)
                continue
            start = self._starts[bisect_right(self._starts, result) - 1]
            if start not in makers:
                makers[start] = Receipts(self._read(start), self._keys.subjects)
            results.append(makers[start].of(result))
        return results

    def _adopt(self) -> bool:
        """Take in what another writer, or a write of ours that seemed to fail, has added."""
        found = False
        try:
            with _available():
                while self._folder.segment(self.size).exists():
                    if not found:
                        self._folder.sync()
                    found = True
                    self._absorb(self._read(self.size))
        except BadSegment as error:
            raise Unavailable(f"the log's end does not verify: {error}") from error
        return found

    def _absorb(self, added: Segment) -> None:
        self._end = segment.follow(self._end, added) if self._starts else segment.end_of(added)
        self._starts.append(added.start)
        self._last = added
        for leaf in added.leaves:
            self._recent.add(leaf, added.start)
        self._leaves.extend(added.leaves)

    def _load(self, starts: list[int]) -> None:
        """The last segments, enough for retries and open exchanges; older ones are only listed."""
        last = self._read(starts[-1])
        size = last.head.size
        first = max(0, bisect_right(starts, max(0, size - RECENT_RECORDS)) - 1)
        for start in starts[first:]:
            self._absorb(last if start == starts[-1] else self._read(start))
        self._starts[:0] = starts[:first]
        self._adopt()

    def _read(self, start: int) -> Segment:
        if self._last is not None and start == self._last.start:
            return self._last
        with _available():
            data = self._folder.segment(start).read_bytes()
        try:
            return segment.decode(data, self._key, start)
        except BadSegment as error:
            raise BadSegment(f"{start:020}.parquet: {error}", error.index) from error


@contextmanager
def _available() -> Iterator[None]:
    """OSError means that the log is unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"log folder: {error.strerror or type(error).__name__}") from error
