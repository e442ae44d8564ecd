"""Check a root against one public key: every file of every log, and every head that anyone claims. Needs files only.

Files are checked one by one, in any order and anywhere (`check_file`); how they join is a cheap walk over the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.chain import summarise
from audit.checkpoint import Checkpoint, VerifierKey, unb64
from audit.errors import BadNote, BadSegment
from audit.folder import CONTROL, File, LogFolder, cover
from audit.keyring import FOUNDING, KeyRing, parse_ring, read_ring
from audit.record import Kind
from audit.segment import Leaf
from audit.store import Store, join_address, open_store
from audit.walk import Broken, Claims, Moved, Result, Verified, Walk

TRIES = 1000  # of a log whose files are packed away while they are read
Spread = Callable[[Callable[["Task"], "Result"], list["Task"]], Iterable["Result"]]


@dataclass(frozen=True, slots=True)
class Task:
    """One file to check: plain data, so that it may travel. `wanted` are tree sizes whose roots are asked for."""

    address: str
    file: File
    ring: str
    origin: str
    wanted: tuple[int, ...]


def check_file(task: Task) -> Result:
    """Everything that a file claims by itself. OSError only for what cannot be read."""
    ring = parse_ring(task.ring.encode()).sibling(task.origin)
    try:
        data = open_store(task.address).read(task.file.name)
        summary = summarise(data, ring, task.file.start, task.wanted)
        if summary.is_pack != task.file.is_pack or task.file.end not in (None, summary.after.size):
            raise BadSegment("file is not what its name says")
    except FileNotFoundError:
        return Result(task.file)
    except BadSegment as error:
        return Result(task.file, fault=(error.index, error.reason))
    return Result(task.file, summary)


def verify_root(address: Any, given: KeyRing | None, claims: Claims, spread: Spread = map) -> Iterator[Checkpoint]:
    """Yield the verified head of each log, control first; Broken at the first fault, OSError for what cannot be read.

    The control log is read first, so a root that is being written holds at least what it pins. `spread` maps a function
    over tasks in order, perhaps in many processes.
    """
    root = open_store(address)
    ring = _root_ring(root, given)
    control = _verify_log(address, CONTROL, ring, claims, spread)
    yield control.head
    for leaf in control.notable:
        if leaf["kind"] == Kind.head:
            _pin(claims, leaf)
    listed = _listed(control, ring)
    _check_folders(root, [_folder_of(origin) for origin in listed], claims, set(listed))
    unproven = list(control.nulled)
    for origin in listed[1:]:
        log = _verify_log(address, _folder_of(origin), ring.sibling(origin), claims, spread)
        unproven += log.nulled
        yield log.head
    erased = _erased(control)
    if any(tag not in erased for *_, tag in unproven):  # an erasure may have happened since the control log was read
        erased = _erased(_verify_log(address, CONTROL, ring, Claims(), spread))
    for file, index, tag in unproven:
        if tag not in erased:
            raise Broken(file, index, "content is gone, but no erase record says so")


def _root_ring(root: Store, given: KeyRing | None) -> KeyRing:
    try:
        ring = read_ring(root)
    except BadNote as error:
        raise Broken(FOUNDING, None, str(error)) from error
    if given is None:
        return ring
    if not ring.extends(given) and not given.extends(ring):
        raise Broken(FOUNDING, None, "not the key that was given")
    return max(ring, given, key=lambda one: len(one.keys))


def _verify_log(address: Any, name: str, ring: KeyRing, claims: Claims, spread: Spread) -> Verified:
    folder = LogFolder(open_store(join_address(address, name)))
    _check_key(folder, name, ring.keys[0])
    return _LogCheck(str(join_address(address, name)), name, folder, ring, claims, spread).run()


@dataclass(slots=True)
class _LogCheck:
    """One log, which may be written and packed meanwhile: what was checked of it is not checked again."""

    address: str
    name: str
    folder: LogFolder
    ring: KeyRing
    claims: Claims
    spread: Spread
    found: list[File] = field(default_factory=list)
    known: dict[File, Result] = field(default_factory=dict)
    ignored: set[File] = field(default_factory=set)

    def run(self) -> Verified:
        """Broken at the first fault."""
        judged: list[File] = []
        for _ in range(TRIES):
            try:
                return self._walk()
            except Moved:
                judged = self.found
            except Broken:
                # a pack that nobody had named may have got its record since, and what it replaces may be gone
                if not self.ignored or judged == self.found:
                    raise
                self.ignored.clear()
        raise Broken(f"{self.name}/seg", None, "files vanish while they are read")

    def _walk(self) -> Verified:
        try:
            self.found = self.folder.files()
        except BadSegment as error:
            raise Broken(f"{self.name}/{error.reason.partition(':')[0]}", None, str(error)) from error
        files, wanted = cover(self.found, self.ignored), self.claims.of(self.ring.name)
        if not files:
            raise Broken(f"{self.name}/seg", None, "log is empty")
        others = [file for file in self.found if file not in files]
        new = (task for task in self._tasks(files, others, sorted(wanted)) if task.file not in self.known)
        results = iter(self.spread(check_file, list(new)))
        walk = Walk(self.name, self.ring, wanted, pruned=files[0].start)
        for file in [*files, *others]:
            result = self.known.get(file) or self._next(results)
            if file in files:
                walk.take(result)
        return walk.finish(self.claims, self.ignored)

    def _next(self, results: Iterator[Result]) -> Result:
        result = next(results)
        if result.fault is not None:
            raise Broken(f"{self.name}/{result.file.name}", *result.fault)
        if result.summary is not None:
            self.known[result.file] = result
        return result

    def _tasks(self, files: list[File], others: list[File], sizes: list[int]) -> Iterator[Task]:
        ring = str(_named_as(self.ring))
        for file, after in zip(files, [*files[1:], None], strict=True):
            yield Task(self.address, file, ring, self.ring.name, _within(sizes, file, after))
        for file in others:
            yield Task(self.address, file, ring, self.ring.name, ())


def _named_as(ring: KeyRing) -> KeyRing:
    """A ring as it is written: endorsements are by the control log's keys."""
    return ring.sibling(f"{ring.keys[0].family}/{CONTROL}")


def _within(sizes: list[int], file: File, after: File | None) -> tuple[int, ...]:
    return tuple(size for size in sizes if file.start < size and (after is None or size <= after.start))


def _check_key(folder: LogFolder, name: str, key: VerifierKey) -> None:
    try:
        found = folder.key()
    except FileNotFoundError as error:
        raise Broken(f"{name}/{FOUNDING}", None, "missing") from error
    except BadNote as error:
        raise Broken(f"{name}/{FOUNDING}", None, str(error)) from error
    if found != key:
        raise Broken(f"{name}/{FOUNDING}", None, f"expected {key.name} and its key")


def _check_folders(root: Store, names: list[str], claims: Claims, origins: set[str]) -> None:
    for folder in root.folders():
        if folder not in names and FOUNDING in root.names(folder):
            raise Broken(folder, None, "a log that the control log does not list")
    for origin in claims.origins():
        if origin not in origins:
            raise Broken(CONTROL, None, f"no log {origin!r}, but somebody holds a head of it")


def _listed(control: Verified, ring: KeyRing) -> list[str]:
    """Origins of all logs of the root, control first."""
    leaf = next((leaf for leaf in control.notable if leaf["kind"] == Kind.logs), None)
    try:
        keys = [VerifierKey.parse(item["vkey"]) for item in leaf["fields"]["logs"]] if leaf else []
    except BadNote as error:
        raise Broken(CONTROL, None, str(error)) from error
    if not keys or keys[0] != ring.keys[0] or not all(map(ring.keys[0].is_sibling, keys)):
        raise Broken(CONTROL, None, "control log does not list the logs of its root")
    return [key.name for key in keys]


def _pin(claims: Claims, leaf: Leaf) -> None:
    fields = leaf["fields"]
    try:
        claims.add(Checkpoint(fields["origin"], fields["size"], unb64(fields["root"])), f"control record {leaf['idx']}")
    except BadNote as error:
        raise Broken(CONTROL, leaf["idx"], f"head: {error}") from error


def _erased(control: Verified) -> set[str]:
    return {leaf["fields"]["subject"] for leaf in control.notable if leaf["kind"] == Kind.erase}


def _folder_of(origin: str) -> str:
    return origin.rpartition("/")[2]
