"""From a text to its record: the text's print under each person's key, among the prints of all answers of one log.

The prints are read once and kept, 16 bytes for each answer; a search reads what the log has got since. Who is erased
has no key any more, so nothing of theirs is found.
"""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audit.errors import BadKeys, Unavailable
from audit.folder import LogFolder, ring_of
from audit.memory import available
from audit.reader import LogReader, Stored, leaves_of_kinds
from audit.receipt import Receipt, Receipts
from audit.record import Kind
from audit.store import open_store, split_address
from audit.subjects import SubjectKeys
from audit.words import FEWEST, digest, key_of, print_of, words

_HEX = re.compile(r"[0-9a-f]{64}")
HELD = 16  # digits of a print that are kept: two answers that share them are told apart by their leaves


class Late(Unavailable):
    """The time was up. What was read of the log is kept, so the next search has less to read."""


@dataclass(slots=True)
class Search:
    """Searches in one log; one thread at a time. `clock` counts seconds."""

    address: str | Path
    subjects: SubjectKeys = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    _prints: array[int] = field(default_factory=lambda: array("Q"), repr=False)
    _places: array[int] = field(default_factory=lambda: array("q"), repr=False)
    _read: int = 0  # records whose prints are known

    def find(self, text: str, tenant: str | None, limit: int, until: float) -> list[Receipt]:
        """Receipts of the answers with these words, the newest first; of one tenant, or with None of all.

        Empty too for a text of fewer than FEWEST letters and digits. Late, Unavailable, BadSegment.
        """
        said = words(text)
        if len(said) < FEWEST:
            return []
        with available():
            try:
                return self._find(digest(said), tenant, limit, until)
            except FileNotFoundError:  # the writer has packed a file away meanwhile
                return self._find(digest(said), tenant, limit, until)

    def _find(self, said: bytes, tenant: str | None, limit: int, until: float) -> list[Receipt]:
        reader = self._reader()
        self._read_on(reader, until)
        wanted = set(self._wanted(said, until))
        found = []
        for one in self._matching(reader, wanted, tenant):
            self._require_time(until)
            found.append(Receipts.of_file(one.file, self.subjects).of(one.data, one.leaf))
            if len(found) == limit:
                break
        return found

    def _reader(self) -> LogReader:
        """A fresh one: files come, go and change hands, and what it holds open is let go with it."""
        root, name = split_address(self.address)
        store = open_store(root)
        folder = LogFolder(store.child(name))
        reader = LogReader(folder, ring_of(store, folder))
        reader.refresh()
        return reader

    def _read_on(self, reader: LogReader, until: float) -> None:
        """Learn the prints of the records that are new."""
        begin = max(self._read, reader.files[0].start)
        for file in reader.files[reader.files.index(reader.file_of(begin)) :]:
            self._require_time(until)
            opened = reader.open(file)
            for leaf in leaves_of_kinds(opened, (Kind.answer,)):
                if leaf["idx"] >= self._read:
                    self._learn(leaf["idx"], leaf["fields"].get("words_print"))
                    self._require_time(until)
            self._read = max(self._read, opened.head.size)

    def _learn(self, idx: int, print_: str | None) -> None:
        self._read = idx + 1
        if print_ is not None and _HEX.fullmatch(print_):
            self._prints.append(int(print_[:HELD], 16))
            self._places.append(idx)

    def _wanted(self, said: bytes, until: float) -> Iterator[str]:
        """The text's print under the key of everybody who has one."""
        erased = self.subjects.erasures()
        for path in (self.subjects.folder / "tags").iterdir():
            self._require_time(until)
            if _HEX.fullmatch(path.name) and path.name not in erased:
                try:
                    yield print_of(key_of(self.subjects.unwrap(path.read_bytes())[1]), said)
                except (FileNotFoundError, BadKeys):
                    continue  # erased meanwhile; or damaged, and then that person's records alone are not found

    def _matching(self, reader: LogReader, wanted: set[str], tenant: str | None) -> Iterator[Stored]:
        """Answers with one of these prints, the newest first, as their leaves say."""
        short = np.array([int(one[:HELD], 16) for one in wanted], np.uint64)
        at = np.isin(np.frombuffer(self._prints, np.uint64), short).nonzero()[0]
        for idx in np.frombuffer(self._places, np.int64)[at][::-1].tolist():
            if idx < reader.files[0].start:
                return  # pruned, with all that is older
            one = next(reader.stored(idx))
            leaf = one.leaf
            if leaf["fields"]["words_print"] not in wanted or tenant not in (None, leaf["tenant"]):
                continue
            if self.subjects.by_tag(leaf["tenant"], leaf["subject"]) is not None:
                yield one

    def _require_time(self, until: float) -> None:
        if self.clock() > until:
            raise Late("the search took too long")
