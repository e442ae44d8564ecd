"""Logs as static files that any web server can offer and foreign monitors can read (c2sp.org/tlog-tiles).

    python -m audit.tiles ROOT OUT [--log NAME]

OUT/<log>/checkpoint             signed head, replaced last: whatever it needs is durable by then
OUT/<log>/tile/<L>/<N>           256 hashes of level L, written once; partial tiles at <N>.p/<W>
OUT/<log>/tile/entries/<N>       the 256 leaves under them, each after its length as a big-endian uint16

A leaf holds no text of a person, but tenant, pseudonym and decision: who may read OUT is the operator's choice. A later
run reads the log from the last full tile on, and publishes only what provably continues the head published before.
Exit 0 exported, 1 something does not verify, 2 unreadable. One JSON object on stdout.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import secrets
import shutil
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audit import disk, pipe
from audit.checkpoint import Checkpoint, b64
from audit.errors import AuditError, BadNote, BadProof, BadRoot, BadSegment, Unproven
from audit.folder import File, LogFolder, cover, ring_of
from audit.keyring import FOUNDING, KeyRing
from audit.merkle import HASH_BYTES, Frontier
from audit.segment import batches, open_file
from audit.store import LocalStore, Store, open_store

HEIGHT = 8
WIDTH = 1 << HEIGHT
ENTRIES = -1  # in place of a level: the leaves themselves


@dataclass(frozen=True, slots=True)
class Tile:
    """Coordinates: `width` hashes of `level` (roots over 256**level leaves each) from number index * 256 on."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """tlog-tiles, Merkle Tree: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last after an x."""
        number, rest = f"{self.index % 1000:03}", self.index // 1000
        while rest:
            number, rest = f"x{rest % 1000:03}/{number}", rest // 1000
        level = "entries" if self.level == ENTRIES else self.level
        return f"tile/{level}/{number}" + (f".p/{self.width}" if self.width < WIDTH else "")


def partial_tiles(size: int) -> list[Tile]:
    """The tiles at the right edge of a tree of `size`: the bundle of entries first, then hashes from level 0 up."""
    levels = range(-(-size.bit_length() // HEIGHT))
    hashes = [Tile(level, size >> HEIGHT * (level + 1), (size >> HEIGHT * level) % WIDTH) for level in levels]
    return [tile for tile in (*(Tile(ENTRIES, tile.index, tile.width) for tile in hashes[:1]), *hashes) if tile.width]


def bundle(leaves: Sequence[bytes]) -> bytes:
    """tlog-tiles, Log entries: big-endian uint16 length before each leaf."""
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)


@dataclass(slots=True)
class Tiling:
    """A growing tree as tiles: holds the right edge only. `levels` are the hashes that fill no tile yet."""

    size: int = 0
    leaves: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])

    @classmethod
    def resume(cls, size: int, read: Callable[[Tile], bytes]) -> Tiling:
        """The tiling of the first `size` leaves, cut back to full bundles, from its tiles; BadProof if one is torn."""
        tiling = cls(size - size % WIDTH)
        for tile in partial_tiles(tiling.size):
            data = read(tile)
            if len(data) != tile.width * HASH_BYTES:
                raise BadProof(f"{tile.path}: expected {tile.width} hashes, got {len(data)} bytes")
            tiling.levels.extend([] for _ in range(tile.level + 1 - len(tiling.levels)))
            tiling.levels[tile.level] = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        return tiling

    def add(self, leaf: bytes, digest: bytes) -> list[tuple[Tile, bytes]]:
        """Append a leaf and its RFC 6962 hash; the tiles that it completes, with their bytes."""
        self.size += 1
        self.leaves.append(leaf)
        self.levels[0].append(digest)
        return [] if self.size % WIDTH else self._complete()

    def _complete(self) -> list[tuple[Tile, bytes]]:
        done = [(Tile(ENTRIES, self.size // WIDTH - 1), bundle(self.leaves))]
        self.leaves, level = [], 0
        while len(self.levels[level]) == WIDTH:
            hashes, self.levels[level] = self.levels[level], []
            done.append((Tile(level, (self.size >> HEIGHT * (level + 1)) - 1), b"".join(hashes)))
            level += 1
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(Frontier().extend(hashes).root())
        return done

    def partials(self) -> list[tuple[Tile, bytes]]:
        """The tiles of the right edge, with their bytes."""
        return [
            (tile, bundle(self.leaves) if tile.level == ENTRIES else b"".join(self.levels[tile.level]))
            for tile in partial_tiles(self.size)
        ]

    def root(self) -> bytes:
        """RFC 6962 2.1 Merkle tree hash of all leaves."""
        nodes = [node for hashes in reversed(self.levels) for node in Frontier().extend(hashes).nodes]
        return Frontier(self.size, tuple(nodes)).root()


@dataclass(frozen=True, slots=True)
class Piece:
    """Checked records in a row from `start` on, and the signed note of the file that holds them."""

    start: int
    leaves: Sequence[bytes]
    hashes: Sequence[bytes]
    note: str


def publish(folder: Path, read: Callable[[int], Iterator[Piece]], open_note: Callable[[str], Checkpoint]) -> Checkpoint:
    """Bring the tiles in `folder` up to the log; the head published.

    `read(start)` yields the pieces from the one that holds record `start` on; `open_note` checks a note of this log.
    BadProof if the log does not continue what `folder` holds, or its records do not lead to its head; BadRoot if
    another export is at work there; OSError.
    """
    _make(folder)
    with _alone(folder):
        old = _published(folder, open_note)
        tiling = Tiling.resume(old.size, lambda tile: (folder / tile.path).read_bytes())
        note = _extend(folder, old, tiling, read(tiling.size))
        head = open_note(note)
        if (head.size, head.root) != (tiling.size, tiling.root()):
            raise BadProof("records do not lead to the signed root")
        if head.size > old.size:
            _finish(folder, old, tiling, note)
    return head


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One export at a time, or a slow one would put an older head over a newer."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadRoot(f"{folder}: another export is at work here") from error
        yield
    finally:
        os.close(descriptor)


def _extend(folder: Path, old: Checkpoint, tiling: Tiling, pieces: Iterator[Piece]) -> str:
    """Write the full tiles; the note after the last piece."""
    note, end = "", 0
    for piece in pieces:
        if piece.start > tiling.size:
            raise BadProof(f"expected record {tiling.size}, got {piece.start}: tiles need every record of the log")
        skipped, note, end = tiling.size - piece.start, piece.note, piece.start + len(piece.leaves)
        for leaf, digest in zip(piece.leaves[skipped:], piece.hashes[skipped:], strict=True):
            _check_prefix(tiling, old)
            for tile, data in tiling.add(leaf, digest):
                _put(folder / tile.path, data)
    _check_prefix(tiling, old)
    if end < old.size:
        raise BadProof(f"log ends at {end}, but {old.size} records were published")
    return note


def _published(folder: Path, open_note: Callable[[str], Checkpoint]) -> Checkpoint:
    """The head in `folder`; an empty tree's if nothing was published there."""
    try:
        return open_note((folder / "checkpoint").read_text("utf-8"))
    except FileNotFoundError:
        return Checkpoint("", 0, Frontier().root())
    except UnicodeDecodeError as error:
        raise BadNote(f"{folder / 'checkpoint'}: expected UTF-8") from error


def _check_prefix(tiling: Tiling, old: Checkpoint) -> None:
    if tiling.size == old.size and tiling.root() != old.root:
        raise BadProof(f"the log's first {old.size} records are not those that were published")


def _finish(folder: Path, old: Checkpoint, tiling: Tiling, note: str) -> None:
    """Partial tiles, then the head; then the partial tiles that full ones have replaced go."""
    before = partial_tiles(old.size)
    for tile, data in tiling.partials():
        if tile not in before:
            _put(folder / tile.path, data)
    temporary = folder / f"{disk.TEMPORARY}{secrets.token_hex(8)}"
    disk.create(temporary, note.encode())
    temporary.replace(folder / "checkpoint")
    disk.sync_folder(folder)
    for tile in before:
        if (folder / Tile(tile.level, tile.index).path).exists():
            shutil.rmtree((folder / tile.path).parent)


def _put(path: Path, data: bytes) -> None:
    """Write a tile durably. One that is there already was never published: it is left from a run that was stopped."""
    _make(path.parent)
    path.unlink(missing_ok=True)
    disk.create(path, data)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        disk.sync_folder(folder.parent)


def export(root: Store, out: Path, name: str) -> Checkpoint:
    """Publish the log `name` of `root` as OUT/<name>; Unproven if anything does not verify, BadRoot, OSError."""
    if isinstance(root, LocalStore) and out.resolve().is_relative_to(root.path.resolve()):
        raise BadRoot(f"{out}: expected a folder outside the logs")
    folder = LogFolder(root.child(name))
    ring = ring_of(root, folder)
    return publish(out / name, lambda start: _read(folder, ring, start), ring.open)


def _read(folder: LogFolder, ring: KeyRing, start: int) -> Iterator[Piece]:
    """Checked pieces of a log from the file that holds record `start` on."""
    files = _from(folder, start)
    while files:
        file = files.pop(0)
        try:
            opened = open_file(folder.read(file), ring, file.start)
            for batch in batches(opened):
                yield Piece(batch.start, [row.leaf for row in batch.rows], batch.hashes, opened.note)
            start = opened.head.size
        except BadSegment as error:
            raise BadSegment(f"{ring.name.rpartition('/')[2]}/{file.name}: {error}", error.index) from error
        except FileNotFoundError:
            files = _from(folder, start)
            if file in files:
                raise  # else a pack took its place while we read


def _from(folder: LogFolder, start: int) -> list[File]:
    files = cover(folder.files())
    return files[max(0, bisect_right(files, start, key=lambda file: file.start) - 1) :]


def _names(root: Store, wanted: str | None) -> list[str]:
    names = [name for name in root.folders() if FOUNDING in root.child(name).names()]
    if not names or wanted not in (None, *names):
        raise BadRoot(f"expected {f'a log {wanted!r}' if wanted else 'logs'}, got {', '.join(names) or 'none'}")
    return [wanted] if wanted else names


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m audit.tiles", description="Export logs as C2SP tlog-tiles.")
    parser.add_argument("root", metavar="ROOT", help="folder or object store of the logs")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to serve, one prefix per log")
    parser.add_argument("--log", metavar="NAME", help="only this log, for example exchange-0")
    given = parser.parse_args(arguments)
    try:
        root = open_store(given.root)
        heads = [export(root, given.out, name) for name in _names(root, given.log)]
    except (AuditError, OSError) as error:
        print(f"not exported: {error}", file=sys.stderr)
        return 1 if isinstance(error, Unproven) else 2
    logs = [{"origin": head.origin, "size": head.size, "root": b64(head.root)} for head in heads]
    print(json.dumps({"logs": logs}))
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
