"""Reading one log at any place: which file holds a record, and the rows around it. Every file is checked once."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from audit.errors import BadSegment
from audit.folder import File, LogFolder, cover
from audit.keyring import KeyRing
from audit.record import CLOSING, EXCHANGE, Kind
from audit.segment import Leaf, Opened, open_file

KEPT_BYTES = 256 * 1024 * 1024  # of files in hand: from an object store they are in memory
SKEW_US = 60_000_000  # how far the clocks of who makes ids and who writes may be apart
LONGEST_US = 3_600_000_000  # no exchange lasts longer


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it is stored, as it reads, and its file."""

    leaf: Leaf
    data: bytes
    file: Opened


@dataclass(slots=True)
class LogReader:
    """The files of a log in reading order. OSError and BadSegment as they come."""

    folder: LogFolder
    ring: KeyRing
    files: list[File] = field(default_factory=list)
    leftovers: list[File] = field(default_factory=list)  # no longer needed, and perhaps still there; oldest first
    _open: OrderedDict[File, Opened] = field(default_factory=OrderedDict, repr=False)
    _signers: dict[File, int] = field(default_factory=dict, repr=False)

    def refresh(self) -> None:
        """List the files anew.

        A pack beside files that it replaces was left by a kill: before its record, and then it does not count, or
        after, and then those files are `leftovers`. So are files that a prune record dropped.
        """
        found, ignored = self.folder.files(), set[File]()
        while doubtful := {pack for pack in cover(found, ignored) if _inside(pack, found, ignored)}:
            self.files = cover(found, ignored)
            unnamed = doubtful - self._named(min(doubtful).end or 0)
            if not unnamed:
                break
            ignored |= unnamed
        self.files = cover(found, ignored)
        self.leftovers = [file for pack in sorted(doubtful) for file in _inside(pack, found, ignored)]
        if self.files and self.files[0].start:
            self.drop_before(self._pruned())
            self.leftovers.sort(key=lambda file: file.start)

    def become(self, other: LogReader) -> None:
        """Go on with what another reader of the same log has found."""
        self.ring, self.files, self.leftovers = other.ring, other.files, other.leftovers
        self._open.clear()
        self._signers.clear()

    def add(self, file: File) -> None:
        """A segment was appended."""
        self.files.append(file)

    def replace(self, pack: File) -> None:
        """A pack took over; the files it replaces are left over."""
        assert pack.end is not None  # noqa: S101 - a pack has one
        gone = [file for file in self.files if pack.start <= file.start < pack.end and file != pack]
        self.files = sorted({*self.files, pack} - set(gone))
        self.leftovers += gone

    def drop_before(self, index: int) -> None:
        """Files wholly before `index` are left over."""
        ends = [file.start for file in self.files[1:]]
        gone = [file for file, end in zip(self.files, ends, strict=False) if end <= index]
        self.files = self.files[len(gone) :]
        self.leftovers += gone

    def open(self, file: File) -> Opened:
        """A file, its signature checked at least once."""
        if file in self._open:
            self._open.move_to_end(file)
            return self._open[file]
        try:
            opened = open_file(self.folder.read(file), self.ring, file.start, self._signers.get(file))
        except BadSegment as error:
            raise BadSegment(f"{file.name}: {error}", error.index) from error
        self._signers[file] = opened.signer
        self._open[file] = opened
        while len(self._open) > 1 and sum(one.data.size for one in self._open.values()) > KEPT_BYTES:
            self._open.popitem(last=False)
        return opened

    def file_of(self, index: int) -> File:
        """The file that holds a record; BadSegment if none does."""
        at = bisect_right(self.files, index, key=lambda file: file.start) - 1
        if at < 0:
            raise BadSegment(f"record {index} is no longer kept", index)
        return self.files[at]

    def stored(self, index: int) -> Iterator[Stored]:
        """Records from `index` on, in order, to the end of the files."""
        at = self.files.index(self.file_of(index))
        while at < len(self.files):
            opened = self.open(self.files[at])
            yield from _rows(opened, index)
            at += 1

    def find(self, request_id: str) -> Iterator[Stored]:
        """A request's records, found by the time in its UUIDv7 (RFC 9562 5.7); other ids are not found."""
        made = _made_us(request_id)
        if made is None:
            return
        at = self._first_reaching(made - SKEW_US)
        horizon = made + SKEW_US
        for file in self.files[at:]:
            opened = self.open(file)
            if _bounds(opened, 0)[0] > horizon:
                return
            for number in range(opened.file.num_row_groups):
                low, high = _bounds(opened, number)
                if high < made - SKEW_US or low > made + LONGEST_US:
                    continue
                for one in _matching(opened, number, request_id):
                    yield one
                    horizon = made + LONGEST_US
                    if one.leaf["kind"] in CLOSING or one.leaf["kind"] not in EXCHANGE:
                        return

    def _named(self, start: int) -> set[File]:
        """Packs that records from `start` on name."""
        found = set()
        for file in self.files[self.files.index(self.file_of(start)) :]:
            for leaf in leaves_of_kinds(self.open(file), (Kind.pack,)):
                found.add(File(leaf["fields"]["start"], leaf["fields"]["end"], leaf["fields"]["generation"]))
        return found

    def _pruned(self) -> int:
        """Before which index the newest prune record drops everything; BadSegment if no record says why any is gone."""
        for file in reversed(self.files):
            ends = [leaf["fields"]["end"] for leaf in leaves_of_kinds(self.open(file), (Kind.prune,))]
            if ends and ends[-1] >= self.files[0].start:
                return int(ends[-1])
        start = self.files[0].start
        raise BadSegment(f"records before {start} are missing, and no prune record says so", 0)

    def _first_reaching(self, ts: int) -> int:
        """Place of the first file whose last record is not before `ts`."""
        low, high = 0, len(self.files)
        while low < high:
            middle = (low + high) // 2
            opened = self.open(self.files[middle])
            if _bounds(opened, opened.file.num_row_groups - 1)[1] < ts:
                low = middle + 1
            else:
                high = middle
        return low


def leaves_of_kinds(opened: Opened, kinds: Collection[str]) -> Iterator[Leaf]:
    """A file's records of some kinds, in order; the others are not parsed."""
    wanted = pa.array(sorted(kinds), pa.string())
    for number in range(opened.file.num_row_groups):
        mask = pc.is_in(opened.file.read_row_group(number, ["kind"])["kind"], value_set=wanted)
        if pc.any(mask).as_py():
            yield from map(orjson.loads, opened.file.read_row_group(number, ["leaf"])["leaf"].filter(mask).to_pylist())


def _inside(pack: File, files: Collection[File], ignored: Collection[File]) -> list[File]:
    """Files that a pack replaces, with those that end where it does."""
    if pack.end is None:
        return []
    inner = (file for file in files if file != pack and file not in ignored)
    return [file for file in inner if pack.start <= file.start and (file.end or file.start + 1) <= pack.end]


def _rows(opened: Opened, index: int) -> Iterator[Stored]:
    start = opened.start
    for number in range(opened.file.num_row_groups):
        count = opened.file.metadata.row_group(number).num_rows
        if start + count > index:
            leaves = opened.file.read_row_group(number, ["leaf"])["leaf"].to_pylist()
            for data in leaves[max(0, index - start) :]:
                yield Stored(orjson.loads(data), data, opened)
        start += count


def _matching(opened: Opened, number: int, request_id: str) -> list[Stored]:
    ids = opened.file.read_row_group(number, ["request_id"])["request_id"].to_pylist()
    wanted = [at for at, one in enumerate(ids) if one == request_id]
    if not wanted:
        return []
    leaves = opened.file.read_row_group(number, ["leaf"])["leaf"]
    return [Stored(orjson.loads(data), data, opened) for data in (leaves[at].as_py() for at in wanted)]


def _bounds(opened: Opened, number: int) -> tuple[int, int]:
    """First and last time stamp of a row group."""
    statistics = opened.file.metadata.row_group(number).column(1).statistics
    return statistics.min, statistics.max


def _made_us(request_id: str) -> int | None:
    try:
        uuid = UUID(request_id)
    except ValueError:
        return None
    return (uuid.int >> 80) * 1000 if uuid.version == 7 else None
