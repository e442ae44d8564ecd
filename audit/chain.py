"""Check a root against one public key: every file of every log, and every head that anyone claims. Needs files only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit import segment
from audit.checkpoint import Checkpoint, VerifierKey, unb64
from audit.errors import BadNote, BadSegment, Unproven
from audit.folder import CONTROL, LogFolder
from audit.merkle import Frontier
from audit.segment import End, Segment


class Broken(Unproven):
    """The first thing that is wrong: file relative to the root, record index if one is concerned, reason."""

    def __init__(self, file: str, index: int | None, reason: str) -> None:
        super().__init__(file, index, reason)
        self.file = file
        self.index = index
        self.reason = reason


@dataclass(slots=True)
class Claims:
    """Heads that must lie on our trees: size -> [(root, who says so)] per origin."""

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


def verify_root(root: Path, key: VerifierKey, claims: Claims) -> Iterator[Checkpoint]:
    """Yield the verified head of each log, control first; Broken at the first fault, OSError for what cannot be read.

    The control log is read first, so a root that is being written holds at least what it pins.
    """
    listed: list[VerifierKey] = []
    for leaf, head in _verify_log(root, CONTROL, key, claims):
        if leaf["kind"] == "logs":
            listed = _listed(leaf, key)
        elif leaf["kind"] == "head":
            _pin(claims, leaf)
        if head is not None:
            yield head
    if not listed or listed[0] != key:
        raise Broken(CONTROL, None, "control log does not list the logs of its root")
    names = [_folder_of(sibling) for sibling in listed]
    _check_folders(root, names, claims, {sibling.name for sibling in listed})
    for sibling, name in zip(listed[1:], names[1:], strict=True):
        yield from (head for _, head in _verify_log(root, name, sibling, claims) if head is not None)


def _verify_log(
    root: Path, name: str, key: VerifierKey, claims: Claims
) -> Iterator[tuple[dict[str, Any], Checkpoint | None]]:
    """Every leaf of a log; the last one comes with the log's head."""
    folder, end = LogFolder(root / name), End()
    _check_key(folder, name, key)
    try:
        starts = folder.starts()
    except (BadSegment, FileNotFoundError) as error:
        raise Broken(f"{name}/seg", None, str(error)) from error
    if not starts:
        raise Broken(f"{name}/seg", None, "log is empty")
    wanted = claims.of(key.name)
    for start in starts:
        path = folder.segment(start)
        relative = str(path.relative_to(root))
        if start != end.frontier.size:
            raise Broken(relative, end.frontier.size, f"expected a file that starts at {end.frontier.size}")
        try:
            checked = segment.decode(path.read_bytes(), key, start)
            end = segment.follow(end, checked)
        except BadSegment as error:
            raise Broken(relative, error.index, error.reason) from error
        _check_claims(checked, wanted, relative)
        for leaf in checked.leaves:
            yield leaf, checked.head if (start, leaf["idx"]) == (starts[-1], end.frontier.size - 1) else None
    _check_reach(wanted, end.frontier.size, name)


def _check_claims(checked: Segment, wanted: dict[int, list[tuple[bytes, str]]], file: str) -> None:
    """Claimed roots at sizes that this segment reaches."""
    frontier: Frontier = checked.before
    for index, digest in enumerate(checked.hashes, checked.start):
        if not wanted:
            return
        frontier = frontier.extend([digest])
        for root, source in wanted.get(index + 1, ()):
            if frontier.root() != root:
                raise Broken(file, index, f"tree of size {index + 1} is not the one {source} saw")


def _check_reach(wanted: dict[int, list[tuple[bytes, str]]], size: int, name: str) -> None:
    longer = {at: sources for at, sources in wanted.items() if at > size}
    if longer:
        at = max(longer)
        raise Broken(f"{name}/seg", size, f"log ends at {size}, but {longer[at][0][1]} saw {at} records")


def _check_key(folder: LogFolder, name: str, key: VerifierKey) -> None:
    try:
        found = folder.key()
    except FileNotFoundError as error:
        raise Broken(f"{name}/log.vkey", None, "missing") from error
    except BadNote as error:
        raise Broken(f"{name}/log.vkey", None, str(error)) from error
    if found != key:
        raise Broken(f"{name}/log.vkey", None, f"expected {key.name} and its key")


def _check_folders(root: Path, names: list[str], claims: Claims, origins: set[str]) -> None:
    for path in sorted(root.iterdir()):
        if (path / "seg").exists() and path.name not in names:
            raise Broken(path.name, None, "a log that the control log does not list")
    for origin in claims.origins():
        if origin not in origins:
            raise Broken(CONTROL, None, f"no log {origin!r}, but somebody holds a head of it")


def _listed(leaf: dict[str, Any], key: VerifierKey) -> list[VerifierKey]:
    try:
        keys = [VerifierKey.parse(item["vkey"]) for item in leaf["fields"]["logs"]]
        if any(item.public != key.public or item.family != key.family for item in keys):
            raise BadNote("a listed log has another key or family")
    except BadNote as error:
        raise Broken(CONTROL, leaf["idx"], str(error)) from error
    return keys


def _pin(claims: Claims, leaf: dict[str, Any]) -> None:
    fields = leaf["fields"]
    try:
        claims.add(Checkpoint(fields["origin"], fields["size"], unb64(fields["root"])), f"control record {leaf['idx']}")
    except BadNote as error:
        raise Broken(CONTROL, leaf["idx"], f"head: {error}") from error


def _folder_of(key: VerifierKey) -> str:
    return key.name.rpartition("/")[2]
