"""A store in memory that is no kinder than its contract: every write may be in doubt, every listing old.

What `create` answered is true for ever. What it raised says nothing: the file may be there or not, may come later, and
may vanish with the machine unless somebody settled its folder. Deleting and listing may fail or lag, reading tells the
truth. Between any two operations of one writer, another may have done anything (`interrupt`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

import pyarrow as pa

REMEMBERED = 12  # listings, of which an old one may be shown


class Outcome(StrEnum):
    """What becomes of one create."""

    done = "done"
    failed = "failed"
    stored = "failed, but stored"
    late = "failed, and stored later"


@dataclass
class Late:
    """A create that will take place after `due` more operations, if its name is still free then."""

    name: str
    data: bytes
    due: int


@dataclass
class Disk:
    """What all stores of one machine share; `plan`, `stale`, `undeleted` and `interrupt` are the faults to come."""

    files: dict[str, bytes] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    late: list[Late] = field(default_factory=list)
    listings: deque[tuple[str, ...]] = field(default_factory=lambda: deque([()], maxlen=REMEMBERED))
    plan: deque[Outcome] = field(default_factory=deque)
    stale: deque[int] = field(default_factory=deque)
    undeleted: int | None = None
    interrupt: tuple[int, Callable[[], None]] | None = None
    tally: Counter[str] = field(default_factory=Counter)  # of what befell it

    @classmethod
    def holding(cls, files: dict[str, bytes]) -> Disk:
        """A disk with these files, which nobody doubts."""
        return cls(files, listings=deque([tuple(files)], maxlen=REMEMBERED))

    def step(self) -> None:
        """One operation passes."""
        for one in self.late:
            one.due -= 1
        for one in [one for one in self.late if one.due < 0]:
            self.late.remove(one)
            if one.name not in self.files:
                self.tally["creates that came late"] += 1
                self._appear(one.name, one.data)
        if self.interrupt is not None:
            left, act = self.interrupt
            self.interrupt = (left - 1, act) if left else None
            if not left:
                self.tally["interruptions by another writer"] += 1
                act()

    def create(self, name: str, data: bytes, outcome: Outcome) -> bool:
        """See Store.create."""
        taken = name in self.files
        self.tally[f"creates {outcome.value}"] += 1
        if outcome is Outcome.late:
            self.late.append(Late(name, data, len(self.plan) + 3))
        elif outcome is Outcome.stored and not taken:
            self._appear(name, data)
        if outcome is not Outcome.done:
            raise OSError(5, outcome.value, name)
        if not taken:
            self._appear(name, data)
        self.settle(str(PurePosixPath(name).parent))
        return not taken

    def delete(self, name: str) -> None:
        """See Store.delete."""
        if self.undeleted is not None:
            self.undeleted -= 1
            if self.undeleted < 0:
                self.undeleted = None
                self.tally["deletions failed"] += 1
                raise OSError(5, "not deleted", name)
        self.files.pop(name, None)
        self.unsettled.discard(name)
        self.listings.append(tuple(self.files))

    def settle(self, folder: str) -> None:
        """See Store.settle."""
        self.unsettled -= {name for name in self.unsettled if str(PurePosixPath(name).parent) == folder}

    def crash(self, lost: Collection[int], dropped: bool) -> None:
        """The machine loses power: some unsettled files are gone, and perhaps what was still under way."""
        self.tally["power failures"] += 1
        for number, name in enumerate(sorted(self.unsettled)):
            if number in lost:
                self.tally["files lost with the power"] += 1
                del self.files[name]
        self.unsettled.clear()
        if dropped:
            self.late.clear()
        self.calm()
        self.listings.clear()
        self.listings.append(tuple(self.files))

    def calm(self) -> None:
        """No more faults."""
        self.plan.clear()
        self.stale.clear()
        self.undeleted = self.interrupt = None

    def seen(self) -> tuple[str, ...]:
        """What a listing shows: the files there are, or an older state."""
        age = self.stale.popleft() if self.stale else 0
        self.tally["old listings"] += age > 0
        return self.listings[-1 - age % len(self.listings)]

    def _appear(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.unsettled.add(name)
        self.listings.append(tuple(self.files))


@dataclass(frozen=True)
class AmbiguousStore:
    """See audit.store.Store."""

    disk: Disk
    prefix: str = ""

    def names(self, folder: str = "") -> list[str]:
        self.disk.step()
        return sorted(rest for rest in self._below(folder) if "/" not in rest)

    def folders(self) -> list[str]:
        self.disk.step()
        return sorted({rest.partition("/")[0] for rest in self._below("") if "/" in rest})

    def read(self, name: str) -> pa.Buffer:
        self.disk.step()
        if self.prefix + name not in self.disk.files:
            raise FileNotFoundError(2, "no such file", name)
        return pa.py_buffer(self.disk.files[self.prefix + name])

    def create(self, name: str, data: bytes) -> bool:
        self.disk.step()
        outcome = self.disk.plan.popleft() if self.disk.plan else Outcome.done
        return self.disk.create(self.prefix + name, data, outcome)

    def delete(self, name: str) -> None:
        self.disk.step()
        self.disk.delete(self.prefix + name)

    def settle(self, folder: str) -> None:
        self.disk.step()
        self.disk.settle((self.prefix + folder).rstrip("/"))

    def child(self, folder: str) -> AmbiguousStore:
        return AmbiguousStore(self.disk, f"{self.prefix}{folder}/")

    def prove_exclusive(self) -> None:
        """It is: two creates of one name never both answer True."""

    def _below(self, folder: str) -> list[str]:
        prefix = self.prefix + (f"{folder}/" if folder else "")
        return [name.removeprefix(prefix) for name in self.disk.seen() if name.startswith(prefix)]
