"""What a writer knows of its log: where it ends, what was said last, and which files hold the rest."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any, TypeVar

import pyarrow as pa

from audit.chain import End, follow, summary_of
from audit.checkpoint import Checkpoint
from audit.errors import BadRoot, BadSegment, Unavailable
from audit.folder import File
from audit.keyring import KeyRing
from audit.merkle import Frontier, leaf_hash
from audit.reader import LogReader, leaves_of_kinds
from audit.recent import Recent
from audit.record import Kind
from audit.segment import Opened, Segment, decode
from audit.state import KEYED, State

RECENT_RECORDS = 10_000
CACHED_LEAVES = 5_000
LOAD_TRIES = 10  # of a start while another writer packs
Leaf = dict[str, Any]
T = TypeVar("T")


class Memory:
    """The log's end as last seen. `fresh_ring` reads the root's keys again, for when a rotation happened meanwhile."""

    def __init__(self, reader: LogReader, fresh_ring: Callable[[], KeyRing]) -> None:
        self.reader = reader
        self.end = End()
        self.last: Segment | None = None
        self.recent = Recent()
        self.leaves: deque[Leaf] = deque(maxlen=CACHED_LEAVES)
        self._fresh_ring = fresh_ring
        self._state: State | None = None

    @property
    def size(self) -> int:
        """Records known to be in the log."""
        return self.end.frontier.size

    def load(self) -> None:
        """List the files and read the last: enough for retries and open exchanges. BadRoot, BadSegment, OSError.

        Once more while another writer packs away what was listed.
        """
        for _ in range(LOAD_TRIES - 1):
            with suppress(FileNotFoundError):
                self._load()
                return
            self.recent, self.leaves = Recent(), deque(maxlen=CACHED_LEAVES)
        self._load()

    def _load(self) -> None:
        self.reader.refresh()
        self.reader.folder.settle()  # after the listing, for what was found may just have been linked
        files = self.reader.files
        if not files or files[-1].is_pack:
            raise BadRoot(f"{self.reader.ring.name}: expected segments, found none at its end")
        last = decode(self.reader.folder.read(files[-1]), self.reader.ring, files[-1].start)
        first = max(0, bisect_right(files, last.head.size - RECENT_RECORDS, key=lambda file: file.start) - 1)
        before: Opened | None = None
        for file in files[first:-1]:
            opened = self.reader.open(file)
            _require_join(before, opened.before)
            before = opened
        _require_join(before, last.before)
        if first < len(files) - 1:
            for one in self.reader.stored(files[first].start):
                if one.leaf["idx"] < last.start:
                    self._remember(one.leaf)
        self.end = End(last.before, sealed=False, key=None)
        del self.reader.files[-1]
        self.absorb(last)

    def require(self, pinned: Checkpoint) -> None:
        """BadRoot unless a head that was seen outside lies on this log."""
        if pinned.size > self.size:
            raise BadRoot(f"{pinned.origin}: expected {pinned.size} records or more, got {self.size}: an older state")
        if pinned.size <= self.reader.files[0].start:
            return  # pruned away
        opened = self.reader.open(self.reader.file_of(pinned.size - 1))
        held = chain.from_iterable(
            opened.file.read_row_group(n, ["leaf"])["leaf"].to_pylist() for n in range(opened.file.num_row_groups)
        )
        hashes = [leaf_hash(leaf) for _, leaf in zip(range(pinned.size - opened.start), held, strict=False)]
        if opened.before.extend(hashes).root() != pinned.root:
            raise BadRoot(f"{pinned.origin}: expected the tree that the control log pinned, got another")

    def adopt(self) -> bool:
        """Take in what another writer, or a write of ours that seemed to fail, has added; whether there was any."""
        found = False
        try:
            with available():
                while True:
                    data = self._read_following()
                    if self.is_overtaken():
                        self._rejoin()
                        return True
                    if data is None:
                        return found
                    self.reader.folder.settle()  # after each: its writer may have linked it and not yet synced
                    self._take(self._decode(data))
                    found = True
        except (BadRoot, BadSegment) as error:
            raise Unavailable(f"the log's end does not verify: {error}") from error

    def is_overtaken(self) -> bool:
        """Whether our last segment was merged or pruned away. OSError.

        Then others have gone on, and the name behind it may be free again, so what stands there, or is created there,
        says nothing. Names are freed in order: while ours stands, the next was never freed. Ours is known by its
        bytes, for a writer that was overtaken may have put others under its name.
        """
        if self.last is None:
            return False
        try:
            data = self.reader.folder.read(File(self.last.start))
        except FileNotFoundError:
            return True
        return hashlib.sha256(data).hexdigest() != str(self.last.seal["sha256"])

    def absorb(self, added: Segment, recent: Recent | None = None) -> None:
        """Go on after a segment that was checked by itself; BadSegment unless it continues the log.

        `recent` is a fork that knows its records already.
        """
        self.end = follow(self.end, summary_of(added), self.reader.ring)
        self.reader.add(File(added.start))
        self.last = added
        if recent is not None:
            self.recent.merge(recent)
        for leaf in added.leaves:
            self._remember(leaf, known=recent is not None)
            if leaf["kind"] == Kind.pack:
                named = leaf["fields"]
                self.reader.replace(File(named["start"], named["end"], named["generation"]))
            elif leaf["kind"] == Kind.prune:
                self.reader.drop_before(leaf["fields"]["end"])

    def state(self) -> State:
        """The index that `if_last` asks; read from all files at its first use."""
        if self._state is None:
            self._state = State().fill(self.reading(lambda: list(self._keyed())))
        return self._state

    def reading(self, read: Callable[[], T]) -> T:
        """What `read` finds; once more if another writer has packed away a file meanwhile. Unavailable, BadSegment."""
        with available():
            try:
                return read()
            except FileNotFoundError:
                self.adopt()
                return read()

    def _take(self, following: Segment) -> None:
        try:
            self.absorb(following)
        except BadSegment:  # perhaps it names a key that is newer than the ring in hand
            self.reader.ring = self._fresh_ring()
            self.absorb(following)

    def _rejoin(self) -> None:
        fresh = Memory(LogReader(self.reader.folder, self._fresh_ring()), self._fresh_ring)
        fresh.load()
        self.reader.become(fresh.reader)
        vars(self).update(vars(fresh) | {"reader": self.reader})

    def _read_following(self) -> pa.Buffer | None:
        try:
            return self.reader.folder.read(File(self.size))
        except FileNotFoundError:
            return None

    def _decode(self, data: pa.Buffer) -> Segment:
        try:
            return decode(data, self.reader.ring, self.size)
        except BadSegment:
            self.reader.ring = self._fresh_ring()
            return decode(data, self.reader.ring, self.size)

    def _remember(self, leaf: Leaf, *, known: bool = False) -> None:
        if not known:
            self.recent.add(leaf)
        self.leaves.append(leaf)
        if self._state is not None:
            self._state.add(leaf)

    def _keyed(self) -> Iterator[Leaf]:
        """Records that change a state, in order."""
        for file in list(self.reader.files):
            yield from leaves_of_kinds(self.reader.open(file), KEYED)


@contextmanager
def available() -> Iterator[None]:
    """OSError means that the log is unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"log folder: {error.strerror or error or type(error).__name__}") from error


def _require_join(before: Opened | None, following: Frontier) -> None:
    if before is not None and (before.head.size, before.head.root) != (following.size, following.root()):
        raise BadSegment("does not continue the tree before it", following.size)
