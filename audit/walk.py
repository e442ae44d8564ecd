"""How the files of one log join, and whether the heads that somebody claims lie on its tree. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audit.chain import End, Summary, follow
from audit.checkpoint import Checkpoint, b64
from audit.errors import BadSegment, Unproven
from audit.folder import File
from audit.keyring import KeyRing
from audit.record import Kind
from audit.segment import Leaf


class Broken(Unproven):
    """The first thing that is wrong: file relative to the root, record index if one is concerned, reason."""

    def __init__(self, file: str, index: int | None, reason: str) -> None:
        super().__init__(file, index, reason)
        self.file = file
        self.index = index
        self.reason = reason


class Moved(Exception):
    """Files were packed or pruned away meanwhile; list them anew."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a task: a summary, a fault, or neither when the file is gone."""

    file: File
    summary: Summary | None = None
    fault: tuple[int | None, str] | None = None


@dataclass(slots=True)
class Claims:
    """Heads that must lie on our trees: size -> [(root, who says so)] per origin. `unchecked`: pruned away."""

    unchecked: list[str] = field(default_factory=list)
    _by_origin: dict[str, dict[int, list[tuple[bytes, str]]]] = field(default_factory=dict)

    def add(self, head: Checkpoint, source: str) -> None:
        """Remember a head whose signature was checked."""
        self._by_origin.setdefault(head.origin, {}).setdefault(head.size, []).append((head.root, source))

    def of(self, origin: str) -> dict[int, list[tuple[bytes, str]]]:
        """What is claimed about one log."""
        return self._by_origin.get(origin, {})

    def origins(self) -> Iterable[str]:
        """Logs that something is claimed about."""
        return self._by_origin.keys()


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified log: its head, the records that concern more than themselves, and records without their content."""

    head: Checkpoint
    notable: tuple[Leaf, ...]
    nulled: tuple[tuple[str, int, str], ...]  # file, index, tag


@dataclass(slots=True)
class Walk:
    """How the files of one log join."""

    name: str
    ring: KeyRing
    wanted: Mapping[int, list[tuple[bytes, str]]]
    pruned: int
    end: End = field(default_factory=End)
    before: Summary | None = None
    frontiers: dict[int, list[str]] = field(default_factory=dict)
    notable: list[Leaf] = field(default_factory=list)
    nulled: list[tuple[str, int, str]] = field(default_factory=list)
    packs: dict[File, Summary] = field(default_factory=dict)
    taken: list[tuple[File, int]] = field(default_factory=list)
    gap: Broken | None = None

    def take(self, result: Result) -> None:
        """The next file; Broken, Moved."""
        file, part = f"{self.name}/{result.file.name}", result.summary
        if part is None:
            raise Moved
        if self.before is None and self.pruned:
            self.end = End(part.before, sealed=False, key=None)
        if part.start != self.end.frontier.size:
            self._begin_late(file, part)
        try:
            self.end = follow(self.end, part, self.ring)
        except BadSegment as error:
            raise Broken(file, error.index, error.reason) from error
        first = [(part.start, part.before.root())] if part.start == self.pruned else []
        for size, root in (*first, *part.roots):
            for claimed, source in self.wanted.get(size, ()):
                if claimed != root:
                    raise Broken(file, size - 1, f"tree of size {size} is not the one {source} saw")
        self.taken.append((result.file, part.after.size))
        self.frontiers[part.start] = [b64(node) for node in part.before.nodes]
        if part.is_pack:
            self.packs[result.file] = part
        self.notable += part.notable
        self.nulled += [(file, index, tag) for index, tag in part.nulled]
        self.before = part

    def finish(self, claims: Claims, ignored: set[File]) -> Verified:
        """After the last file: packs that no record names do not count, and a missing prefix needs its record."""
        assert self.before is not None  # noqa: S101 - a log is not empty
        unnamed = [file for file, part in self.packs.items() if not self._names(file, part)]
        if unnamed and not set(unnamed) <= ignored:
            ignored.update(unnamed)
            raise Moved
        self._check_prefix()
        self._check_generations()
        size = self.end.frontier.size
        for at, sources in self.wanted.items():
            if at > size:
                raise Broken(f"{self.name}/seg", size, f"log ends at {size}, but {sources[0][1]} saw {at} records")
            if at < self.pruned:
                claims.unchecked += [f"{source}: size {at} of {self.ring.name} was pruned" for _, source in sources]
        return Verified(self.before.head, tuple(self.notable), tuple(self.nulled))

    def _begin_late(self, file: str, part: Summary) -> None:
        """Behind a gap. Only a prune may leave one, where what it dropped is not all deleted: it must be recorded."""
        at = self.end.frontier.size
        self.gap = self.gap or Broken(file, at, f"expected a file that starts at {at}")
        self.end, self.pruned = End(part.before, sealed=False, key=None), part.start
        for held in (self.frontiers, self.notable, self.nulled, self.packs, self.taken):
            held.clear()

    def _names(self, file: File, part: Summary) -> bool:
        expected = {
            "start": file.start, "end": file.end, "generation": file.generation, "bytes": part.length,
            "sha256": part.sha256,
        }  # fmt: skip
        return any(leaf["kind"] == Kind.pack and leaf["fields"] == expected for leaf in self.notable)

    def _check_prefix(self) -> None:
        """A log may begin late where a prune record says so, with the tree as it was; deletion may be under way."""
        for leaf in self.notable if self.pruned else ():
            end, nodes = leaf["fields"].get("end"), leaf["fields"].get("frontier")
            if leaf["kind"] == Kind.prune and end >= self.pruned and self.frontiers.get(end) == nodes:
                return
        if self.pruned:
            raise self.gap or Broken(
                f"{self.name}/seg", 0, f"records before {self.pruned} are missing, and no prune record says so"
            )

    def _check_generations(self) -> None:
        """What a pack replaced does not stand in for it: what was erased since would be back."""
        starts = [file.start for file, _ in self.taken]
        dropped = max((leaf["fields"]["end"] for leaf in self.notable if leaf["kind"] == Kind.prune), default=0)
        for leaf in self.notable:
            if leaf["kind"] != Kind.pack:
                continue
            named = File(leaf["fields"]["start"], leaf["fields"]["end"], leaf["fields"]["generation"])
            at = bisect_left(starts, named.start)
            if at < len(starts) and _is_replaced(*self.taken[at], named) and self.taken[at][1] > dropped:
                name = f"{self.name}/{self.taken[at][0].name}"
                raise Broken(name, starts[at], f"was replaced by a pack that is missing: record {leaf['idx']} names it")


def _is_replaced(file: File, end: int, pack: File) -> bool:
    """Whether `pack` took the place of a file that ends at `end`."""
    assert pack.end is not None  # noqa: S101 - a pack has one
    if end > pack.end or file == pack:
        return False
    return not file.is_pack or (file.start, end) != (pack.start, pack.end) or file.generation < pack.generation
