"""The journal of a campaign: what was planned, tried and recorded, a JSON line each, on the disk before the next step.

A kill loses at most the line that was being written, and reading drops what is left of it. Holds attacks: mode 0600.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from train.attack.attempt import Attempt, Evaluated, Tried
from train.attack.errors import JournalError

NAME = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Header:
    """What the campaign is: its name, profile and side, and the digests of seeds and techniques it draws from."""

    campaign: str
    profile: str
    side: str
    seeds: str
    techniques: str
    event: Literal["campaign"] = "campaign"


@dataclass(frozen=True, slots=True)
class _Planned:
    attempts: tuple[Attempt, ...]
    event: Literal["planned"] = "planned"


@dataclass(frozen=True, slots=True)
class _Tried:
    tried: Tried
    event: Literal["tried"] = "tried"


@dataclass(frozen=True, slots=True)
class _Evaluated:
    evaluated: Evaluated
    event: Literal["evaluated"] = "evaluated"


@dataclass(frozen=True, slots=True)
class _Recorded:
    attempts: tuple[str, ...]
    event: Literal["recorded"] = "recorded"


_Line = Header | _Planned | _Tried | _Evaluated | _Recorded
_LINE: TypeAdapter[_Line] = TypeAdapter(Annotated[_Line, Field(discriminator="event")])


class Journal:
    """One campaign's journal, open for writing by one process. Raises JournalError when it is another campaign's."""

    def __init__(self, folder: Path, header: Header) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.header = header
        self.planned: list[Attempt] = []
        self.tried: dict[str, Tried] = {}
        self.evaluated: dict[str, Evaluated] = {}
        self.recorded: set[str] = set()
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.quiet_s = time.time() - os.fstat(self._file).st_mtime
        """How long nobody had written to it when it was opened."""
        try:
            self._lock(folder)
            self._load()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)

    @property
    def waiting(self) -> list[Attempt]:
        """Planned and not yet tried."""
        return [attempt for attempt in self.planned if attempt.id not in self.tried]

    @property
    def unrecorded(self) -> list[Tried]:
        """Tried, and no finding in the log yet."""
        return [each for name, each in self.tried.items() if name not in self.recorded]

    def plan(self, attempts: Sequence[Attempt]) -> None:
        """Keep what will be tried, before it is."""
        self._write(_Planned(tuple(attempts)))
        self.planned += attempts

    def keep(self, tried: Tried) -> None:
        """Keep what was tried; the same attempt a second time changes nothing."""
        if tried.attempt.id not in self.tried:
            self._write(_Tried(tried))
            self.tried[tried.attempt.id] = tried

    def evaluate(self, evaluated: Evaluated) -> None:
        """Keep that a probe came to its end; all its attempts must be kept by then."""
        self._write(_Evaluated(evaluated))
        self.evaluated[evaluated.probe] = evaluated

    def record(self, attempts: Iterable[str]) -> None:
        """Keep that the log has the findings of these."""
        names = tuple(attempts)
        self._write(_Recorded(names))
        self.recorded.update(names)

    def _lock(self, folder: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{folder}: expected no other run of this campaign, one is under way") from None

    def _load(self) -> None:
        lines = list(self._lines())
        if not lines:
            self._write(self.header)
        for number, line in enumerate(lines):
            self._take(line, first=number == 0)

    def _lines(self) -> Iterator[_Line]:
        """All whole lines; the rest of a line that was being written is cut off."""
        raw = os.pread(self._file, os.fstat(self._file).st_size, 0)
        whole = raw.rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        try:
            for line in raw[:whole].splitlines():
                yield _LINE.validate_json(line)
        except ValidationError as error:
            raise JournalError(f"{NAME}: expected lines of a campaign, got {str(error)[:300]}") from None

    def _take(self, line: _Line, *, first: bool) -> None:
        if isinstance(line, Header) is not first:
            raise JournalError(f"{NAME}: expected the campaign on the first line, and nowhere else")
        if isinstance(line, Header):
            if replace(line, campaign=self.header.campaign) != self.header:
                raise JournalError(f"expected the campaign of {self.header}, found that of {line}; use another --out")
            self.header = line
        elif isinstance(line, _Planned):
            self.planned += line.attempts
        elif isinstance(line, _Tried):
            self.tried[line.tried.attempt.id] = line.tried
        elif isinstance(line, _Evaluated):
            self.evaluated[line.evaluated.probe] = line.evaluated
        else:
            self.recorded.update(line.attempts)

    def _write(self, line: _Line) -> None:
        left = memoryview(_LINE.dump_json(line) + b"\n")
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)
