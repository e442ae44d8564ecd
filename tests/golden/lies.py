"""What a signer who holds the real key, or who keeps the files, may do: each lie leaves a root that is not valid.

A lie is called with a `World` whose `log` is its exchange log, and pytest's monkeypatch.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audit import segment
from audit.checkpoint import b64
from audit.erasure import erase
from audit.folder import File
from audit.keyring import FOUNDING
from audit.pack import encode_pack
from audit.record import Entry, Kind, canonical
from audit.rotate import rotate
from audit.segment import Opened, Row, Segment, decode, encode, open_file
from audit.signature import BLANK, MARKER, sign_file
from audit.upkeep import Built, Upkeep

Lie = Callable[[Any, Any], None]


def last(world: Any) -> tuple[Path, Segment]:
    path = world.segments()[-1]
    return path, decode(path.read_bytes(), world.log.memory.reader.ring, int(path.stem))


def signed_again(data: bytes, origin: str, start: int, world: Any) -> bytes:
    at = data.rindex(MARKER) + len(MARKER)
    return sign_file(data[:at] + BLANK + data[at + len(BLANK) :], origin, start, world.keys.signer)


def leaf(old: bytes, new: bytes) -> Lie:
    """Another leaf, with columns and a root that agree with it."""

    def lie(world: Any, monkeypatch: Any) -> None:
        path, good = last(world)
        rows = [Row(row.leaf.replace(old, new), row.content) for row in good.rows]
        assert rows[0] != good.rows[0]
        monkeypatch.setattr(segment, "parse_leaf", json.loads)
        path.write_bytes(encode(good.head.origin, good.before, rows, world.keys.signer))

    return lie


def rows(change: Callable[[Sequence[Row]], list[Row]]) -> Lie:
    """Other cells, with a root that agrees with them."""

    def lie(world: Any, monkeypatch: Any) -> None:
        path, good = last(world)
        path.write_bytes(encode(good.head.origin, good.before, change(good.rows), world.keys.signer))

    return lie


def column(world: Any, monkeypatch: Any) -> None:
    """A copy that differs from its leaf."""
    path, good = last(world)
    real, values = segment._table, ["nobody"] * len(good.rows)
    monkeypatch.setattr(segment, "_table", lambda *a: real(*a).set_column(3, segment.SCHEMA.field(3), [values]))
    path.write_bytes(encode(good.head.origin, good.before, good.rows, world.keys.signer))


def footer(old: bytes, new: bytes) -> Lie:
    """Patched bytes near the end of the file, signed again."""

    def lie(world: Any, monkeypatch: Any) -> None:
        path, good = last(world)
        data = path.read_bytes()
        at = data.rindex(old)
        patched = data[:at] + new + data[at + len(old) :]
        path.write_bytes(signed_again(patched, good.head.origin, good.start, world))

    return lie


def pack(make: Callable[[Any, list[Opened]], bytes]) -> Lie:
    """A pack of the signer's own making, published, named, and its sources gone."""

    def lie(world: Any, monkeypatch: Any) -> None:
        reader, upkeep = world.log.memory.reader, Upkeep(world.log)
        run = reader.files[:-1]
        data = make(world, [open_file(reader.folder.read(file), reader.ring, file.start) for file in run])
        file = File(run[0].start, reader.files[-1].start)
        assert reader.folder.create(file, data)
        assert upkeep.adopt(Built(file, tuple(run), len(data), hashlib.sha256(data).hexdigest()))
        upkeep.discard()

    return lie


def honest(world: Any, sources: list[Opened]) -> bytes:
    return encode_pack(sources, (), 0, world.keys.signer)


def without_content(world: Any, sources: list[Opened]) -> bytes:
    """Nobody was erased."""
    return encode_pack(sources, {world.log.tag("school", "ada")}, 0, world.keys.signer)


def with_a_filter_that_hides(world: Any, sources: list[Opened]) -> bytes:
    data = honest(world, sources)
    chunk = open_file(data, world.log.memory.reader.ring, 0).file.metadata.row_group(0).column(3)
    end = chunk.bloom_filter_offset + chunk.bloom_filter_length
    size = chunk.bloom_filter_length // 32 * 32
    return signed_again(data[: end - size] + bytes(size) + data[end:], sources[0].origin, 0, world)


def with_another_block_root(world: Any, sources: list[Opened]) -> bytes:
    data = honest(world, sources)
    (root,) = open_file(data, world.log.memory.reader.ring, 0).nodes or ()
    at = data.rindex(b64(root).encode())
    return signed_again(data[:at] + b64(bytes(32)).encode() + data[at + 44 :], sources[0].origin, 0, world)


def head(**wrong: Any) -> Lie:
    """A pinned head that is not so."""

    def lie(world: Any, monkeypatch: Any) -> None:
        world.open("control").append([Entry.operational(Kind.head, world.log.head() | wrong)])

    return lie


def prefix(**said: Any) -> Lie:
    """The first two files are gone, and a record says something about it, or nothing does."""

    def lie(world: Any, monkeypatch: Any) -> None:
        first = world.log.memory.reader.files[2]
        before = world.log.memory.reader.open(first).before
        fields = {"start": 0, "end": first.start, "frontier": [b64(node) for node in before.nodes], "rule": "x"}
        if said:
            world.log.append([Entry.operational(Kind.prune, fields | said)])
        for path in world.segments()[:2]:
            path.unlink()

    return lie


def between(*gone: int) -> Lie:
    """A prune record for the first four files, of which only some are gone."""

    def lie(world: Any, monkeypatch: Any) -> None:
        first = world.log.memory.reader.files[4]
        nodes = [b64(node) for node in world.log.memory.reader.open(first).before.nodes]
        fields = {"start": 0, "end": first.start, "frontier": nodes, "rule": "retention"}
        paths = world.segments()
        world.log.append([Entry.operational(Kind.prune, fields)])
        for at in gone:
            paths[at].unlink()

    return lie


def an_older_generation(world: Any, monkeypatch: Any) -> None:
    """A pack from before an erasure comes back in the place of the one after it."""
    pack(honest)(world, monkeypatch)
    (old,) = (world.root / "exchange-0" / "pack").iterdir()
    data = old.read_bytes()
    erase(world.root, world.keys, "school", "ada")
    old.with_name(old.name.replace("-000000.", "-000001.")).unlink()
    old.write_bytes(data)


def by_the_old_key(world: Any, monkeypatch: Any) -> None:
    """A segment after the rotation."""
    rotate(world.root, world.keys)
    log = world.open()
    reader, end = log.memory.reader, log.memory.end
    tick = log.tail(0)[-1] | {"idx": log.size, "kind": "tick", "fields": {"counts": {}}, "seal": end.seal}
    data = encode(log.origin, end.frontier, [Row(canonical(tick), None)], world.keys.signers[0])
    assert reader.folder.create(File(log.size), data)


def a_key_record_too_many(world: Any, monkeypatch: Any) -> None:
    vkey = (world.root / "exchange-0" / FOUNDING).read_text().strip()
    monkeypatch.setattr("audit.log.follow", lambda end, part, ring: end)
    monkeypatch.setattr("audit.memory.follow", lambda end, part, ring: end)
    world.log.append([Entry.operational(Kind.key, {"role": "log", "vkey": vkey})])


LIES: dict[str, Lie] = {
    "a leaf that is not canonical": leaf(b'"v":1', b'"v": 1'),
    "a version": leaf(b'"v":1', b'"v":2'),
    "a float": leaf(b'"score_ppm":1000', b'"score_ppm":1e3'),
    "a field too many": leaf(b'"fields":{', b'"fields":{"a":1,'),
    "a field of another type": leaf(b'"stream":true', b'"stream":1'),
    "a key too many": leaf(b'"actor"', b'"a":0,"actor"'),
    "content as text": leaf(b'"content":{', b'"content":"x","content":{'),
    "another place": leaf(b'"idx":10', b'"idx":11'),
    "another log": leaf(b"/exchange-0", b"/exchange-1"),
    "time": leaf(b'"ts":17', b'"ts":16'),
    "a seal": leaf(b'"start":7', b'"start":8'),
    "content that is gone": rows(lambda good: [Row(good[0].leaf, None), *good[1:]]),
    "another content": rows(lambda good: [Row(good[0].leaf, good[1].content), *good[1:]]),
    "a column": column,
    "statistics": footer(b"window", b"windox"),
    "a frontier": footer(b"preceptor.frontier", b"preceptor.frontiex"),
    "a pack without content": pack(without_content),
    "a Bloom filter": pack(with_a_filter_that_hides),
    "the root of a tree": head(root=b64(bytes(32))),
    "the form of a root": head(root="x"),
    "the size of a tree": head(size=10**6),
    "a head of nobody": head(origin="a/b/c"),
    "a prefix that nobody pruned": prefix(),
    "the tree before a prefix": prefix(frontier=[]),
    "the end of a prefix": prefix(end=3),
    "what is missing behind a prune": between(0, 2, 4),
    "the generation of a pack": an_older_generation,
    "the key in force": by_the_old_key,
    "the next key": a_key_record_too_many,
}
