"""Tiles: the specification's own examples, a naive tree, and everything that may happen between two exports."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import disk, tiles
from audit.checkpoint import Checkpoint, VerifierKey, b64, open_checkpoint, read_checkpoint
from audit.errors import BadNote, BadProof, BadRoot
from audit.folder import File, LogFolder, ring_of
from audit.keyring import KeyRing
from audit.merkle import HASH_BYTES, Frontier, StoredTree, leaf_hash
from audit.pack import encode_pack
from audit.segment import open_file
from audit.store import LocalStore
from audit.tiles import ENTRIES, WIDTH, Piece, Tile, Tiling, bundle, export, main, partial_tiles, publish

SIGNER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey("test/0011223344556677/made", SIGNER.public_key().public_bytes_raw())


class Made:
    """A log of `size` small leaves, to be published without files behind it."""

    def __init__(self, size: int, salt: str = "") -> None:
        self.leaves = [f'{{"idx":{number},"salt":"{salt}"}}'.encode() for number in range(size)]
        self.hashes = [leaf_hash(leaf) for leaf in self.leaves]

    def read(self, size: int, step: int = 1000) -> Callable[[int], Iterator[Piece]]:
        """The log as it was at `size`, in pieces of `step` records."""

        def pieces(start: int) -> Iterator[Piece]:
            low, frontier = start - start % step, Frontier().extend(self.hashes[: start - start % step])
            while low < size:
                high = min(low + step, size)
                frontier = frontier.extend(self.hashes[low:high])
                note = Checkpoint(KEY.name, high, frontier.root()).sign(SIGNER)
                yield Piece(low, self.leaves[low:high], self.hashes[low:high], note)
                low = high

        return pieces

    def publish(self, folder: Path, size: int) -> Checkpoint:
        return publish(folder, self.read(size), lambda note: open_checkpoint(note, KEY))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(2, 999, 1), "tile/2/999.p/1"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(63, 1234067), "tile/63/x001/x234/067"),
        (Tile(ENTRIES, 1234067, 255), "tile/entries/x001/x234/067.p/255"),
        (Tile(ENTRIES, 10**9), "tile/entries/x001/x000/x000/000"),
    ],
)
def test_paths_are_those_of_the_specification(tile, path):
    assert tile.path == path


def test_partial_tiles_are_those_of_the_specification():
    assert partial_tiles(0) == []
    assert partial_tiles(256) == [Tile(1, 0, 1)]
    assert partial_tiles(70_000) == [Tile(ENTRIES, 273, 112), Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert partial_tiles(1 << 24) == [Tile(3, 0, 1)]
    assert bundle([b"", b"ab", b"c" * 65535]) == b"\x00\x00\x00\x02ab\xff\xff" + b"c" * 65535


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts(tmp_path):
    log = Made(70_000)
    head = log.publish(tmp_path, 70_000)
    found = files(tmp_path)
    assert head.root == Frontier().extend(log.hashes).root()
    full = {level: sum(name.startswith(f"tile/{level}/") and ".p/" not in name for name in found) for level in "012"}
    assert full == {"0": 273, "1": 1, "2": 0}
    assert sum(name.startswith("tile/entries/") for name in found) == 274
    assert {name for name in found if ".p/" in name} == {tile.path for tile in partial_tiles(70_000)}
    assert len(found) == 1 + 2 * 274 + 2 + 1

    def node(level: int, index: int) -> bytes:
        """Any complete subtree, folded from the one tile that covers it."""
        step, first = level % 8, index << level % 8
        path = Tile(level // 8, first // WIDTH).path
        data = next(data for name, data in found.items() if name.partition(".p/")[0] == path)
        at = first % WIDTH * HASH_BYTES
        hashes = [data[at + n * HASH_BYTES : at + (n + 1) * HASH_BYTES] for n in range(1 << step)]
        return Frontier().extend(hashes).root()

    tree = StoredTree(70_000, node)
    assert tree.frontier() == Frontier().extend(log.hashes)


@pytest.mark.parametrize("steps", [(1, 2, 3), (255, 256, 257), (300, 300, 512, 1100), (65_535, 65_536, 65_537)])
def test_step_by_step_is_what_one_export_makes(tmp_path, steps):
    log, many = Made(steps[-1]), tmp_path / "many"
    published = set()
    for size in steps:
        before = {path: path.stat() for path in many.rglob("*") if path.is_file() and path.name != "checkpoint"}
        assert log.publish(many, size).size == size
        published |= {tile.path for tile in partial_tiles(size)}
        kept = {path for path in before if path.exists()}
        assert all((path.stat().st_ino, path.stat().st_mtime_ns) == (before[path].st_ino, before[path].st_mtime_ns)
                   for path in kept)  # fmt: skip
        assert all(".p/" in str(path) for path in before.keys() - kept)
    log.publish(tmp_path / "once", steps[-1])
    once, extended = files(tmp_path / "once"), files(many)
    assert once.items() <= extended.items()
    # what is there beside it: partial tiles of earlier heads whose full tile has not come
    assert {name.partition(".p/")[0] for name in extended.keys() - once.keys()} <= {
        tile.path.partition(".p/")[0] for tile in partial_tiles(steps[-1])
    }
    assert extended.keys() - once.keys() <= published


def test_another_history_is_never_published(tmp_path):
    Made(700).publish(tmp_path, 600)
    before = files(tmp_path)
    for log, size, reason in (
        (Made(700, "fork"), 700, "first 600 records are not those that were published"),
        (Made(700, "fork"), 600, "first 600 records"),
        (Made(700), 599, "ends at 599, but 600"),
        (Made(700), 100, "ends at 100, but 600"),
    ):
        with pytest.raises(BadProof, match=reason):
            log.publish(tmp_path, size)
        assert files(tmp_path)["checkpoint"] == before["checkpoint"]
    assert Made(700).publish(tmp_path, 700).size == 700


@pytest.mark.parametrize("damage", ["hash", "short", "head", "foreign"])
def test_what_lies_in_the_folder_is_checked_before_it_is_built_on(tmp_path, damage):
    log = Made(700)
    log.publish(tmp_path, 600)
    tile, head = tmp_path / partial_tiles(600)[-1].path, tmp_path / "checkpoint"
    if damage == "hash":
        tile.write_bytes(tile.read_bytes()[:-1] + b"\x00")
    elif damage == "short":
        tile.write_bytes(tile.read_bytes()[:-1])
    elif damage == "head":
        head.write_bytes(head.read_bytes().replace(b"600", b"601"))
    else:
        head.write_bytes(b"\xff")
    with pytest.raises((BadProof, BadNote)):
        log.publish(tmp_path, 700)


def test_a_log_without_its_beginning_cannot_become_tiles(tmp_path):
    log = Made(700)
    with pytest.raises(BadProof, match="expected record 0, got 300"):
        publish(tmp_path, lambda _: log.read(700, 100)(300), lambda note: open_checkpoint(note, KEY))
    assert files(tmp_path) == {}


def test_records_must_lead_to_the_signed_root(tmp_path):
    log = Made(700)
    log.leaves[650] = log.leaves[651]
    log.hashes[650:652] = log.hashes[651], log.hashes[650]
    wrong = Made(700).read(700)

    def read(start):
        return (Piece(piece.start, log.leaves, log.hashes, piece.note) for piece in wrong(start))

    with pytest.raises(BadProof, match="do not lead to the signed root"):
        publish(tmp_path, read, lambda note: open_checkpoint(note, KEY))
    assert "checkpoint" not in files(tmp_path)


def test_an_export_that_is_stopped_anywhere_leaves_the_old_head_and_the_next_one_finishes(tmp_path, monkeypatch):
    log, real, stops = Made(600), disk.create, 0
    log.publish(tmp_path / "once", 600)
    base = tmp_path / "base"
    log.publish(base, 200)
    head = (base / "checkpoint").read_bytes()
    while True:
        folder, left = tmp_path / str(stops), [stops]
        shutil.copytree(base, folder)

        def create(path, data, mode=0o644, left=left):
            if not left[0]:
                raise OSError(28, "No space left on device", str(path))
            left[0] -= 1
            return real(path, data, mode)

        monkeypatch.setattr(disk, "create", create)
        try:
            log.publish(folder, 600)
            break
        except OSError:
            assert (folder / "checkpoint").read_bytes() == head
            monkeypatch.setattr(disk, "create", real)
            (folder / "tile/0/001").parent.mkdir(parents=True, exist_ok=True)
            (folder / "tile/0/001").write_bytes(b"torn")  # what a disk may keep of a file that nobody synced
            log.publish(folder, 600)
            assert files(folder) == files(tmp_path / "once")
        stops += 1
    assert stops == 8  # two full bundles and tiles, three partial ones, the head


def test_two_exports_do_not_meet(tmp_path):
    log = Made(10)
    log.publish(tmp_path, 5)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(BadRoot, match="another export"):
        log.publish(tmp_path, 10)
    os.close(descriptor)
    assert log.publish(tmp_path, 10).size == 10


def test_a_torn_bundle_does_not_matter_when_going_on(tmp_path):
    """Leaves are read again from the log, back to the last full bundle; never from what was exported."""
    log = Made(600)
    log.publish(tmp_path, 500)
    (tmp_path / "tile/entries/001.p/244").write_bytes(b"")
    log.publish(tmp_path, 600)
    assert (tmp_path / "tile/entries/001").read_bytes() == bundle(log.leaves[256:512])


def test_a_tiling_resumes_at_every_size():
    log, made, whole = Made(600), {}, Tiling()
    for size, (leaf, digest) in enumerate(zip(log.leaves, log.hashes, strict=True), 1):
        made |= {tile.path: data for tile, data in whole.add(leaf, digest)}
        now = made | {tile.path: data for tile, data in whole.partials()}
        again = Tiling.resume(size, lambda tile, now=now: now[tile.path])
        assert again.size == size - size % WIDTH
        for number in range(again.size, size):
            again.add(log.leaves[number], log.hashes[number])
        assert again == whole
        assert again.root() == Frontier().extend(log.hashes[:size]).root()


@pytest.fixture
def filled(world):
    log = world.open()
    for number in range(60):
        log.append(world.exchange(f"r{number}", "Cross-", "site", "scripting"))
    return world


def head_of(note: str) -> dict[str, Any]:
    head = read_checkpoint(note)
    return {"origin": head.origin, "size": head.size, "root": b64(head.root)}


def test_a_real_root_is_exported_and_extended(filled, capsys):
    out = filled.home / "out"
    assert main([str(filled.root), str(out)]) == 0
    heads = json.loads(capsys.readouterr().out)["logs"]
    assert heads == [head_of(filled.open(name).checkpoint()) for name in ("control", "exchange-0")]
    assert heads[1]["size"] == 301
    first = files(out)
    assert main([str(filled.root), str(out)]) == 0
    assert files(out) == first
    log = filled.open()
    log.append([filled.request("later")])
    capsys.readouterr()
    assert main([str(filled.root), str(out), "--log", "exchange-0"]) == 0
    assert json.loads(capsys.readouterr().out)["logs"] == [head_of(log.checkpoint())]
    assert (out / "exchange-0" / "checkpoint").read_text() == log.checkpoint()
    assert first["exchange-0/tile/0/000"] == files(out)["exchange-0/tile/0/000"]
    assert files(out)["exchange-0/tile/entries/001.p/46"].count(b'{"actor"') == 46


def pack(world, folder: LogFolder, ring: KeyRing) -> None:
    """All segments but the last become one pack, as the writer does it."""
    *merged, last = folder.files()
    sources = [open_file(folder.read(file), ring, file.start) for file in merged]
    assert folder.create(File(0, last.start, 1), encode_pack(sources, (), 0, world.keys.signer))
    for file in merged:
        folder.store.delete(file.name)


def test_packs_make_the_same_tiles_even_if_they_come_while_we_read(filled):
    root, out = LocalStore(filled.root), filled.home / "out"
    folder = LogFolder(root.child("exchange-0"))
    ring = ring_of(root, folder)
    export(root, out, "exchange-0")

    def racing(start: int) -> Iterator[Piece]:
        pieces = tiles._read(folder, ring, start)
        yield next(pieces)
        pack(filled, folder, ring)
        yield from pieces

    publish(filled.home / "raced", racing, ring.open)
    export(root, filled.home / "packed", "exchange-0")
    assert len(folder.files()) == 2
    assert files(filled.home / "raced") == files(filled.home / "packed" / "exchange-0") == files(out / "exchange-0")


def test_refusals_have_a_status_and_a_reason(filled, capsys):
    out = filled.home / "out"

    def told(*arguments) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        return status, capsys.readouterr().err

    assert told(filled.root, filled.root / "out")[0] == 2
    assert told(filled.home / "none", out)[0] == 2
    status, reason = told(filled.root, out, "--log", "exchange-7")
    assert (status, "expected a log 'exchange-7', got control, exchange-0" in reason) == (2, True)
    path = filled.segments()[30]
    data = path.read_bytes()
    path.write_bytes(data[:2000] + bytes([data[2000] ^ 1]) + data[2001:])
    status, reason = told(filled.root, out)
    assert (status, "file is not as it was signed" in reason) == (1, True)
    path.write_bytes(data)
    assert told(filled.root, out) == (0, "")
    *_, gap, one, two = filled.segments()
    gap.unlink()
    status, reason = told(filled.root, out, "--log", "exchange-0")
    assert (status, "expected record 286, got 291" in reason) == (1, True)
    one.unlink()
    two.unlink()
    status, reason = told(filled.root, out, "--log", "exchange-0")
    assert (status, "ends at 286, but 301" in reason) == (1, True)
