"""Keeping a log in few files, continuously: what to merge next, merging it, and letting go of what was merged.

Tiers of 1,000, 100,000 and 1,000,000 records; of a tier, a run of neighbours that together reach the next one is
merged. The last file stays a segment, and the newest records stay in small files, so that a writer starts quickly.
Killed at any point, nothing is lost: a pack counts once a record names it; only then are its sources deleted, in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from audit.errors import AuditError, BadSegment
from audit.folder import File
from audit.log import Log
from audit.memory import RECENT_RECORDS, available
from audit.pack import check_pack, encode_pack, erasures_applied, holds_content_of
from audit.pins import recorded_erasures
from audit.record import Entry, Kind
from audit.segment import Opened, open_file

TIERS = (1_000, 100_000, 1_000_000)
MAX_RUN = 256  # files; a run this long is merged however few records it has
MAX_BYTES = 256 * 1024 * 1024  # of one pack: it is made in memory


@dataclass(frozen=True, slots=True)
class Built:
    """A pack that is published but counts only when a record names it."""

    file: File
    sources: tuple[File, ...]
    size: int
    sha256: str


@dataclass(slots=True)
class Upkeep:
    """Packs one log. `plan` and `adopt` belong to the writer's thread, `build` and `discard` to any other."""

    log: Log
    _clean: dict[File, int] = field(default_factory=dict)
    _full: set[File] = field(default_factory=set)
    _erased: frozenset[str] = frozenset()

    def plan(self) -> list[File]:
        """A run of neighbouring files to merge into one; empty when there is nothing to do."""
        return plan_run(self.log.memory.reader.files, self.log.size, self._full)

    def build(self, run: Sequence[File]) -> Built | None:
        """Merge a run, read it back, publish it; None if its first file leaves no room. BadSegment, Unavailable."""
        folder, ring = self.log.memory.reader.folder, self.log.memory.reader.ring
        tags = self._erasures()
        with available():
            sources = _bounded([open_file(folder.read(file), ring, file.start) for file in run])
            if len(sources) == 1 < len(run) and run[0].is_pack:
                self._full.add(run[0])
                return None
            run = run[: len(sources)]
            data = encode_pack(sources, tags, len(tags), self.log.signer())
            check_pack(data, ring, sources, tags)
            file = File(run[0].start, sources[-1].head.size, _generation(run))
            while not folder.create(file, data) and bytes(folder.read(file)) != data:
                file = File(file.start, file.end, file.generation + 1)
            folder.store.settle("pack")  # a first pack's folder is as new as the pack
        return Built(file, tuple(run), len(data), hashlib.sha256(data).hexdigest())

    def adopt(self, built: Built) -> bool:
        """Name a pack in the log, after which it counts; False if its sources were replaced meanwhile."""
        fields = {
            "start": built.file.start, "end": built.file.end, "generation": built.file.generation,
            "bytes": built.size, "sha256": built.sha256,
        }  # fmt: skip

        def still() -> bool:
            return set(built.sources) <= set(self.log.memory.reader.files)

        results = self.log.append_if([Entry.operational(Kind.pack, fields)], still)
        if results and isinstance(results[0], AuditError):
            raise results[0]
        return bool(results)

    def discard(self) -> None:
        """Delete what no reader needs. Unavailable.

        In order: a gap would be taken for damage, and a segment's name may be free only once all before it are
        (`Memory.is_overtaken`).
        """
        folder, left = self.log.memory.reader.folder, self.log.memory.reader.leftovers
        touched = {file.name.partition("/")[0] for file in left}
        with available():
            while left:
                folder.store.delete(left[0].name)
                del left[0]
            for name in touched:
                folder.store.settle(name)

    def stale(self) -> list[File]:
        """A run to write anew because it stores content of erased subjects; may take a while. Unavailable.

        A segment goes with all loose ones before it, for their names are freed in order. The last file stays.
        """
        erased, reader = self._erasures(), self.log.memory.reader
        run: list[File] = []
        for file in reader.files[:-1] if erased else ():
            run = [file] if file.is_pack else [*(one for one in run if not one.is_pack), file]
            if self._clean.get(file, 0) == len(erased):
                continue
            with available():
                opened = open_file(reader.folder.read(file), reader.ring, file.start)
            if erasures_applied(opened) < len(erased) and holds_content_of(opened, erased):
                return run
            self._clean[file] = len(erased)
        return []

    def _erasures(self) -> frozenset[str]:
        """Tags whose content packs drop: a verifier takes it for damage before the control log records the erasure."""
        marked = self.log.keys.subjects.erasures().keys()
        if not marked <= self._erased:
            with available():
                self._erased |= recorded_erasures(self.log.root)
        return self._erased


def run_once(upkeep: Upkeep, run: Sequence[File]) -> bool:
    """Pack one run, all in this thread; whether it took effect.

    A pack that nobody named is left lying: another writer may have made the very same and be about to name it.
    """
    built = upkeep.build(run)
    if built is None or not upkeep.adopt(built):
        return False
    upkeep.discard()
    return True


def pack_all(log: Log) -> int:
    """Everything that is due, all in this thread; how many packs were made."""
    upkeep, made = Upkeep(log), 0
    log.memory.adopt()
    upkeep.discard()
    while run := upkeep.plan() or upkeep.stale():
        made += run_once(upkeep, run)
    return made


def plan_run(files: Sequence[File], size: int, full: Collection[File] = ()) -> list[File]:
    """The first run that is due, lowest tier first. The last file is never part of one, nor are `full` packs.

    Commits from before the newest records are merged apart from those, for a start reads the newest.
    """
    ends = [file.start for file in files[1:]]
    old = max(0, size - RECENT_RECORDS)
    for tier, threshold in enumerate(TIERS):
        run: list[File] = []
        for file, end in zip(files, ends, strict=False):
            fits = _tier(file, end) == tier and (tier == 0 or end <= old) and file not in full
            if (not fits or file.start <= old < end) and _is_due(run, file.start, threshold):
                return run
            if not fits:
                run = []
                continue
            run.append(file)
            if len(run) == MAX_RUN:
                return run
        if _is_due(run, files[-1].start, threshold):
            return run
    return []


def _is_due(run: Sequence[File], end: int, threshold: int) -> bool:
    return len(run) > 1 and end - run[0].start >= threshold


def _tier(file: File, end: int) -> int:
    if not file.is_pack:
        return 0
    return 1 + sum(end - file.start >= threshold for threshold in TIERS[1:])


def _bounded(sources: Sequence[Opened]) -> list[Opened]:
    """As many as fit into one pack, at least one."""
    total, kept = 0, list[Opened]()
    for opened in sources:
        total += opened.data.size
        if kept and total > MAX_BYTES:
            break
        kept.append(opened)
    if not kept:
        raise BadSegment("expected files to pack, got none")
    return kept


def _generation(run: Sequence[File]) -> int:
    """One more than that of a pack which is written anew, else the first."""
    return run[0].generation + 1 if len(run) == 1 and run[0].is_pack else 0
