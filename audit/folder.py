"""The files of one log, `seg/<start>.parquet` and `pack/<start>-<end>-<generation>.parquet`, and which to read."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from audit.checkpoint import VerifierKey
from audit.errors import BadSegment
from audit.keyring import FOUNDING, KeyRing, read_ring
from audit.store import Store

CONTROL = "control"  # folder of the log that lists the others
_SEGMENT = re.compile(r"([0-9]{20})\.parquet")
_PACK = re.compile(r"([0-9]{20})-([0-9]{20})-([0-9]{6})\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A run of records. `end` is excluded; a segment's name lacks it, so it is None. Generations count rewrites."""

    start: int
    end: int | None = None
    generation: int = 0

    @property
    def is_pack(self) -> bool:
        """Whether it merges commits."""
        return self.end is not None

    @property
    def name(self) -> str:
        """Name below the log's folder."""
        if self.end is None:
            return f"seg/{self.start:020}.parquet"
        return f"pack/{self.start:020}-{self.end:020}-{self.generation:06}.parquet"


@dataclass(frozen=True, slots=True)
class LogFolder:
    """Names, bytes and durable creation; knows nothing of what the bytes mean. Raises OSError as it comes."""

    store: Store

    def begin(self, key: VerifierKey) -> None:
        """Give the log its name; False creation means that there is one."""
        self.store.create(FOUNDING, f"{key}\n".encode())

    def key(self) -> VerifierKey:
        """The log's founding key under its own name; BadNote."""
        return read_ring(self.store, FOUNDING).keys[0]

    def files(self) -> list[File]:
        """All files there are; BadSegment for one that does not belong.

        Listing is no snapshot. Segments come first: a pack is there before they go. Packs come until two lists agree:
        one that is replaced while it is listed might be missed together with its successor.
        """
        found = [File(int(match[1])) for match in _matches("seg", _SEGMENT, self.store.names("seg"))]
        packs = self.store.names("pack")
        while packs != (packs := self.store.names("pack")):
            continue
        found += [File(*map(int, match.groups())) for match in _matches("pack", _PACK, packs)]
        return sorted(found, key=lambda file: (file.start, file.end or 0, file.generation))

    def read(self, file: File) -> pa.Buffer:
        """The bytes of a file."""
        return self.store.read(file.name)

    def create(self, file: File, data: bytes) -> bool:
        """Publish a file durably; False if the name is taken."""
        return self.store.create(file.name, data)

    def settle(self) -> None:
        """Make durable what another writer may have published and not yet synced."""
        self.store.settle("seg")


def cover(files: Sequence[File], ignored: Collection[File] = ()) -> list[File]:
    """The files to read, in order: from each place the pack that reaches furthest, else the segment.

    A pack behind which nothing begins is a leftover: a log ends with a segment. Gaps are left for the reader to find,
    for the file after one does not continue the tree.
    """
    chosen: list[File] = []
    reached = 0
    by_start: dict[int, list[File]] = {}
    for file in files:
        if file not in ignored:
            by_start.setdefault(file.start, []).append(file)
    for start in sorted(by_start):
        if start < reached:
            continue
        fitting = [file for file in by_start[start] if file.end is None or file.end in by_start]
        if fitting:
            chosen.append(max(fitting, key=lambda file: (file.end or 0, file.generation)))
            reached = chosen[-1].end or start + 1
    return chosen


def log_names(root: Store) -> list[str]:
    """The folders of a root that are logs, control first."""
    names = [name for name in root.folders() if FOUNDING in root.names(name)]
    return sorted(names, key=lambda name: (name != CONTROL, name))


def ring_of(root: Store, folder: LogFolder) -> KeyRing:
    """The root's keys under a log's own name; BadNote, OSError."""
    return read_ring(root).sibling(folder.key().name)


def _matches(folder: str, pattern: re.Pattern[str], names: Sequence[str]) -> list[re.Match[str]]:
    found = []
    for name in names:
        match = pattern.fullmatch(name)
        if match is None:
            raise BadSegment(f"{folder}/{name}: not a log file's name")
        found.append(match)
    return found
