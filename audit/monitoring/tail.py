"""What is new in one log: each file is opened once, its signature checked, and only the asked kinds are parsed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from audit.errors import BadNote, BadRoot, BadSegment
from audit.folder import File, LogFolder, ring_of
from audit.reader import LogReader, leaves_of_kinds
from audit.segment import Leaf, Opened, open_file
from audit.store import Store

ATTEMPTS = 3  # a file that the writer packs away between listing and reading


@dataclass(slots=True)
class Tail:
    """Reads on from `position`, the index of the first record not yet looked at."""

    root: Store
    name: str
    kinds: frozenset[str]
    position: int = 0
    _reader: LogReader | None = None
    _last: File | None = field(default=None, repr=False)  # the newest file, once it was read to its end

    def files(self) -> Iterator[list[Leaf]]:
        """The new records, file by file; `position` moves on when the next file is asked for.

        Raises BadSegment, also when the log is shorter than it was, BadRoot, OSError.
        """
        for attempt in range(ATTEMPTS):
            try:
                yield from self._files()
            except (FileNotFoundError, BadSegment):
                self._reader = None  # also for the sake of a new signing key
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def _files(self) -> Iterator[list[Leaf]]:
        reader = self._reader = self._reader or self._opened()
        reader.refresh()
        starts = [file.start for file in reader.files]
        at = max(0, bisect_right(starts, self.position) - 1)
        for file in reader.files[at:]:
            if file == self._last:
                continue
            opened = open_file(reader.folder.read(file), reader.ring, file.start)
            yield [leaf for leaf in leaves_of_kinds(opened, self.kinds) if leaf["idx"] >= self.position]
            self._advance(opened, file, newest=file == reader.files[-1])

    def _advance(self, opened: Opened, file: File, *, newest: bool) -> None:
        if newest and opened.head.size < self.position:
            raise BadSegment(f"{self.name}: expected at least {self.position} records, found {opened.head.size}")
        self.position = max(self.position, opened.head.size)
        if newest:
            self._last = file

    def _opened(self) -> LogReader:
        folder = LogFolder(self.root.child(self.name))
        try:
            return LogReader(folder, ring_of(self.root, folder))
        except BadNote as error:
            raise BadRoot(f"{self.name}: {error}") from error
