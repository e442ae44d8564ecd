"""The writer of one log. Sync; one thread calls it. Two writers by accident are safe: one loses the create, reloads.

A commit is one new segment under its first index. Nothing is acknowledged before it is durable, and what is about to be
published is first read back through the verifier's own check.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import segment
from audit.chain import follow, summary_of
from audit.checkpoint import Checkpoint, VerifierKey, b64
from audit.draft import Draft, draft_entry, draft_interruption
from audit.errors import AuditError, BadNote, BadRoot, BadSegment, NotLast, Unavailable
from audit.folder import File, LogFolder, ring_of
from audit.keyring import KeyRing
from audit.keys import Keys
from audit.memory import Memory, available
from audit.reader import LogReader, Stored
from audit.receipt import Receipt, Receipts
from audit.recent import Recent
from audit.record import Entry, Kind
from audit.segment import Leaf, Row
from audit.state import NEVER, State
from audit.store import Store, open_store, split_address

__all__ = ["Log", "Receipt"]

IDLE_US = 60_000_000
Drafts = Sequence[Draft | AuditError]


def now_us() -> int:
    """Epoch microseconds."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class _Plan:
    """A commit before it is one. `outcome` has per draft its index or error; `refused` what the state forbids."""

    recent: Recent
    rows: list[Row] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    outcome: list[int | AuditError] = field(default_factory=list)
    refused: list[AuditError] = field(default_factory=list)
    salts: dict[int, bytes] = field(default_factory=dict)

    def add(self, draft: Draft, leaf: Leaf) -> None:
        """One record more."""
        self.recent.add(leaf)
        self.rows.append(draft.row(leaf))
        self.leaves.append(leaf)
        if draft.salt is not None:
            self.salts[leaf["idx"]] = draft.salt


class Log:
    """Appends, and answers what only the writer can answer quickly. Raises AuditError and nothing else."""

    def __init__(self, root: Store, memory: Memory, keys: Keys, clock: Callable[[], int] = now_us) -> None:
        self.root = root
        self.memory = memory
        self.keys = keys
        self._clock = clock

    @classmethod
    def open(
        cls, address: str | Path, keys: Keys, *, clock: Callable[[], int] = now_us, pinned: Checkpoint | None = None
    ) -> Self:
        """The log at an address that `audit.init` made. BadRoot, BadSegment, BadKeys, Unavailable.

        `pinned` is a head that the control log names: a log that is shorter or another one is refused.
        """
        root, name = split_address(address)
        store = open_store(root)
        folder = LogFolder(store.child(name))
        folder.store.prove_exclusive()
        try:
            memory = Memory(LogReader(folder, ring_of(store, folder)), lambda: ring_of(store, folder))
        except (OSError, BadNote) as error:
            raise BadRoot(f"{name}: expected a log begun by audit.init, got {error}") from error
        with available():
            memory.load()
            keys.subjects.finish_erasures()
        if pinned is not None:
            memory.require(pinned)
        log = cls(store, memory, keys, clock)
        log.signer()
        return log

    @classmethod
    def begin(cls, address: str | Path, key: VerifierKey, keys: Keys, name: str) -> Self:
        """A new log with its genesis record; only `audit.init` calls this."""
        folder, ring = LogFolder(open_store(address)), KeyRing((key,))
        with available():
            folder.begin(key)
        log = cls(open_store(split_address(address)[0]), Memory(LogReader(folder, ring), lambda: ring), keys)
        log.append([Entry(Kind.genesis, "genesis", 0, "", "", {"format": 1, "name": name}, actor="operator")])
        return log

    @property
    def size(self) -> int:
        """Records known to be in the log."""
        return self.memory.end.frontier.size

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.memory.reader.ring.name

    def checkpoint(self) -> str:
        """The signed head (tlog-checkpoint)."""
        return "" if self.memory.last is None else self.memory.last.note

    def head(self) -> dict[str, Any]:
        """Origin, size and root, in the shape of a `head` record."""
        return {"origin": self.origin, "size": self.size, "root": b64(self.memory.end.frontier.root())}

    def signer(self) -> Ed25519PrivateKey:
        """The private half of the key in force; BadKeys. A newer one may not be durable before a record names it."""
        return self.keys.signer_of(self.memory.reader.ring.keys[self.memory.end.key or 0].public)

    def tag(self, tenant: str, subject: str) -> str:
        """What leaves say instead of this subject; its key is durable when this returns."""
        self.keys.subjects.erasures()
        return self.keys.subjects.of(tenant, subject).tag(tenant)

    def append(self, entries: Sequence[Entry]) -> list[Receipt | AuditError]:
        """Commit entries together; one result each, in order. A bad entry never fails its neighbours.

        An equal (request_id, seq) gets the stored record's receipt, another content IdempotencyConflict; an entry whose
        `if_last` does not hold gets NotLast. Raises Unavailable: nothing is acknowledged, the call may be repeated.
        """
        return self._commit(lambda: [self._draft(entry) for entry in entries])

    def append_if(self, entries: Sequence[Entry], still: Callable[[], bool]) -> list[Receipt | AuditError]:
        """The same while `still()` holds in the log as it is then; nothing and no result once it does not."""
        return self._commit(lambda: [self._draft(entry) for entry in entries], still)

    def tick(self, now_us: int) -> list[Receipt | AuditError]:
        """Close what is past its deadline; give a sign of life after a minute of silence."""
        self.memory.adopt()

        def due() -> Drafts:
            erased, overdue = self.keys.subjects.erasures(), list(self.memory.recent.overdue(now_us))
            if not overdue and now_us - self.memory.end.ts >= IDLE_US:
                return [self._draft(Entry.operational(Kind.tick, {"counts": {}}))]
            return [draft_interruption(self.origin, exchange, erased) for exchange in overdue]

        return self._commit(due)

    def tail(self, start: int, limit: int = 1000) -> list[dict[str, Any]]:
        """Leaves from index `start` on, at most `limit`, also those that another writer appended."""
        self.memory.adopt()
        if start >= self.size or start < 0:
            return []
        first = self.memory.leaves[0]["idx"]
        if start >= first:
            return list(islice(self.memory.leaves, start - first, start - first + limit))
        return [one.leaf for one in self.memory.reading(lambda: list(islice(self.memory.reader.stored(start), limit)))]

    def receipt(self, request_id: str) -> list[Receipt]:
        """Receipts of all records of a request, in order; empty if there are none, or no longer.

        Records older than what is remembered are found by the time in their UUIDv7, other ids are not.
        """
        self.memory.adopt()
        indexes = self.memory.recent.indexes(request_id)
        if indexes and indexes[0] < self.memory.reader.files[0].start:
            return []  # pruned

        def find() -> list[Stored]:
            if not indexes:
                return list(self.memory.reader.find(request_id))
            return [self._stored(index) for index in indexes]

        made: dict[int, Receipts] = {}
        found = []
        for one in self.memory.reading(find):
            if one.file.start not in made:
                made[one.file.start] = Receipts.of_file(one.file, self.keys.subjects)
            found.append(made[one.file.start].of(one.data, one.leaf))
        return found

    def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """The same as plain dictionaries."""
        return [asdict(receipt) for receipt in self.receipt(request_id)]

    def _draft(self, entry: Entry) -> Draft | AuditError:
        try:
            return draft_entry(self.origin, entry, self.keys.subjects)
        except Unavailable:
            raise
        except AuditError as error:
            return error

    def _commit(
        self, draft: Callable[[], Drafts], still: Callable[[], bool] = lambda: True
    ) -> list[Receipt | AuditError]:
        erasures, drafts = -1, list[Draft | AuditError]()
        while still():
            # whoever loses the create drafts anew: what another writer added may be the end of a subject's epoch
            if erasures != (erasures := len(self.keys.subjects.erasures())):
                drafts = list(draft())
            plan = self._plan(drafts)
            if plan.refused and self.memory.adopt():
                continue  # what seems out of order may rest on what another writer has just added
            if not plan.rows or self._publish(plan):
                return self._answer(plan)
            if not self.memory.adopt():
                raise Unavailable("the next segment exists and cannot be read")
        return []

    def _plan(self, drafts: Drafts) -> _Plan:
        """What would be written; nothing is remembered yet."""
        plan, state = _Plan(self.memory.recent.fork()), self._state(drafts)
        ts = max(self._clock(), self.memory.end.ts)
        for draft in drafts:
            if isinstance(draft, AuditError):
                plan.outcome.append(draft)
                continue
            leaf = draft.leaf(self.size + len(plan.rows), ts, None if plan.rows else self.memory.end.seal)
            try:
                stored = plan.recent.admit(leaf)
                if stored is None and draft.if_last is not None:
                    _require_last(state, *draft.if_last)
            except AuditError as error:
                plan.outcome.append(error)
                plan.refused.append(error)
                continue
            plan.outcome.append(leaf["idx"] if stored is None else stored.idx)
            if stored is None:
                plan.add(draft, leaf)
                if state is not None:
                    state.add(leaf)
        return plan

    def _publish(self, plan: _Plan) -> bool:
        data = segment.encode(self.origin, self.memory.end.frontier, plan.rows, self.signer(), plan.leaves)
        checked = segment.decode(data, self.memory.reader.ring, self.size)
        follow(self.memory.end, summary_of(checked), self.memory.reader.ring)
        with available():
            if not self.memory.reader.folder.create(File(self.size), data) or self.memory.is_overtaken():
                return False
        self.memory.absorb(checked, plan.recent)
        return True

    def _answer(self, plan: _Plan) -> list[Receipt | AuditError]:
        """Receipts: most results stand in the segment just written."""
        last = self.memory.last
        assert last is not None  # noqa: S101 - a log has its genesis
        maker = Receipts.of_segment(last, self.keys.subjects)
        results: list[Receipt | AuditError] = []
        for result in plan.outcome:
            if isinstance(result, AuditError):
                results.append(result)
            elif result >= last.start:
                at = result - last.start
                results.append(maker.of(last.rows[at].leaf, last.leaves[at], plan.salts.get(result)))
            else:
                results.append(self._old_receipt(result))
        return results

    def _old_receipt(self, index: int) -> Receipt | AuditError:
        try:
            one = self.memory.reading(partial(self._stored, index))
        except BadSegment as error:  # pruned, which is not its neighbours' fault
            return error
        return Receipts.of_file(one.file, self.keys.subjects).of(one.data, one.leaf)

    def _stored(self, index: int) -> Stored:
        return next(self.memory.reader.stored(index))

    def _state(self, drafts: Drafts) -> State | None:
        """Only drafts with a condition need to know what state the log is in."""
        if any(isinstance(draft, Draft) and draft.if_last for draft in drafts):
            return self.memory.state().fork()
        return None


def _require_last(state: State | None, key: str, expected: int) -> None:
    found = NEVER if state is None else state.last(key)
    if found != expected:
        raise NotLast(f"{key}: expected record {expected} to be the last, found {found}")
