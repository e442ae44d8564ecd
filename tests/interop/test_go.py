"""Go's x/mod/sumdb accepts our checkpoints, receipts, proofs and tiles, and refuses every altered one."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import Checkpoint, VerifierKey, b64, open_checkpoint, unb64
from audit.errors import BadProof
from audit.merkle import Frontier, Span, check_consistency, leaf_hash, root_from_path
from audit.proof import Proof
from audit.store import LocalStore
from audit.tiles import export
from tests.interop.conftest import Case, Judge, World
from tests.unit.audit.test_tiles import KEY, Made

COMMITS = 110


@dataclass
class Logged:
    """What the outside holds of a real log: its key, every receipt, every head, and the exported files."""

    world: World
    key: VerifierKey
    proofs: list[Proof] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.world.home / "out" / "exchange-0"

    @property
    def heads(self) -> list[Checkpoint]:
        return [open_checkpoint(note, self.key) for note in self.notes.values()]

    def leaves(self) -> list[bytes]:
        """Every leaf, out of the exported bundles."""
        found = []
        for path in sorted(path for path in (self.out / "tile/entries").rglob("*") if path.is_file()):
            data = path.read_bytes()
            while data:
                end = 2 + int.from_bytes(data[:2])
                found.append(data[2:end])
                data = data[end:]
        return found


@pytest.fixture
def logged(world: World) -> Logged:
    log, chosen = world.open(), dice(3)
    made = Logged(world, VerifierKey.parse((world.root / "exchange-0" / "log.vkey").read_text()))
    for number in range(COMMITS):
        words = [f"word {n}" for n in range(chosen.randrange(1, 8))]
        proofs = [Proof.parse(receipt.proof) for receipt in log.append(world.exchange(f"r{number}", *words))]
        made.proofs += proofs
        made.notes[open_checkpoint(proofs[0].checkpoint, made.key).size] = proofs[0].checkpoint
    export(LocalStore(world.root), world.home / "out", "exchange-0")
    return made


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same alterations in every run


def flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))


def accepted(verdicts: list[Case]) -> list[bool]:
    return [verdict["Accepted"] for verdict in verdicts]


def altered_notes(note: str) -> Iterator[bytes]:
    """Each bit of the text, and of the key's id and the signature before they are encoded."""
    text, _, line = note.partition("\n\n")
    for bit in range(len(text) * 8):
        yield flip(text.encode(), bit) + f"\n\n{line}".encode()
    name, _, encoded = line.rstrip("\n").rpartition(" ")
    blob = unb64(encoded)
    for bit in range(len(blob) * 8):
        yield f"{text}\n\n{name} {b64(flip(blob, bit))}\n".encode()


def altered_paths(path: list[bytes], chosen: random.Random) -> Iterator[list[bytes]]:
    """One bit of each hash, one hash less at either end, one more, two swapped."""
    for at in range(len(path)):
        yield [*path[:at], flip(path[at], chosen.randrange(256)), *path[at + 1 :]]
    if path:
        yield path[1:]
        yield path[:-1]
        yield [*path, path[-1]]
        yield [path[0], *path]
    if len(path) > 1:
        yield [path[1], path[0], *path[2:]]


def test_checkpoints(go: Judge, logged: Logged) -> None:
    control = logged.world.open("control").checkpoint().encode()
    control_key = (logged.world.root / "log.vkey").read_text().rstrip("\n")

    def case(note: bytes, vkey: str = str(logged.key)) -> Case:
        return {"Kind": "checkpoint", "VKey": vkey, "Note": note}

    verdicts = go([*(case(note.encode()) for note in logged.notes.values()), case(control, control_key)])
    assert accepted(verdicts) == [True] * (COMMITS + 1)
    assert [(each["Size"], unb64(each["Root"])) for each in verdicts[:-1]] == [
        (head.size, head.root) for head in logged.heads
    ]
    note = list(logged.notes.values())[-1]
    bad = [case(altered) for altered in altered_notes(note)]
    bad += [case(control), case(note.encode(), control_key), case(note.encode(), flip_key(logged.key))]
    assert len(bad) > 1_000
    assert not any(accepted(go(bad)))


def flip_key(key: VerifierKey) -> str:
    return str(VerifierKey(key.name, flip(key.public, 0)))


def altered_receipts(proof: Proof, other: Proof, chosen: random.Random) -> Iterator[Proof]:
    """What a cheat may try with a receipt and a second one from another tree."""
    extra: dict[str, Any] = json.loads(proof.extra or b"")
    leaf = extra["leaf"].encode()
    for bit in chosen.sample(range(len(leaf) * 8), 8):
        yield replace(proof, extra=json.dumps(extra | {"leaf": flip(leaf, bit).decode("latin-1")}).encode())
    for path in altered_paths(list(proof.path), chosen):
        yield replace(proof, path=tuple(path))
    yield replace(proof, index=proof.index + 1)
    yield replace(proof, index=proof.index - 1)
    yield replace(proof, extra=other.extra)
    yield replace(proof, checkpoint=other.checkpoint)
    origin, size, root, *rest = proof.checkpoint.split("\n")
    yield replace(proof, checkpoint="\n".join([origin, str(int(size) + 1), root, *rest]))
    yield replace(proof, checkpoint="\n".join([origin, size, b64(flip(unb64(root), chosen.randrange(256))), *rest]))
    head, _, signature = proof.checkpoint.rstrip("\n").rpartition(" ")
    yield replace(proof, checkpoint=f"{head} {b64(flip(unb64(signature), chosen.randrange(64 * 8)))}\n")


def test_receipts(go: Judge, logged: Logged) -> None:
    def case(proof: Proof) -> Case:
        return {"Kind": "receipt", "VKey": str(logged.key), "Receipt": str(proof).encode()}

    verdicts = go([case(proof) for proof in logged.proofs])
    assert accepted(verdicts) == [True] * len(logged.proofs)
    assert len(verdicts) == list(logged.notes)[-1] - 1  # all but the log's genesis record
    chosen = dice(5)
    bad = [
        case(altered)
        for proof in chosen.sample(logged.proofs[20:], 60)
        for altered in altered_receipts(proof, logged.proofs[chosen.randrange(10)], chosen)
    ]
    assert len(bad) > 1_500
    assert not any(accepted(go(bad)))


def record(leaf: bytes, index: int, size: int, root: bytes, path: list[bytes]) -> Case:
    return {"Kind": "record", "Leaf": leaf, "Index": index, "New": {"Size": size, "Root": root}, "Path": path}


def test_inclusion_proofs(go: Judge, logged: Logged) -> None:
    """Without a signature in the way: the path alone must bind leaf, index and root."""
    leaves, good, bad, chosen = logged.leaves(), [], [], dice(7)
    for size in (1, 2, 3, 7, 8, 100, 255, 256, 257, len(leaves)):
        span = Span(Frontier(), [leaf_hash(leaf) for leaf in leaves[:size]])
        root = Frontier().extend(span.hashes).root()
        for index in sorted({0, size - 1, *chosen.choices(range(size), k=12)}):
            leaf, path = leaves[index], span.path(index)
            good.append(record(leaf, index, size, root, path))
            bad += [record(leaf, index, size, root, altered) for altered in altered_paths(path, chosen)]
            bad.append(record(leaf, index, size, flip(root, chosen.randrange(256)), path))
            bad.append(record(flip(leaf, chosen.randrange(len(leaf) * 8)), index, size, root, path))
            bad += [record(leaf, other, size, root, path) for other in {index - 1, index + 1, size, size - 1} - {index}]
    assert (len(good) > 80, len(bad) > 1_000) == (True, True)
    assert all(accepted(go(good)))
    assert not any(accepted(go(bad)))


def holds(check: Any, *claim: Any) -> bool:
    try:
        check(*claim)
    except BadProof:
        return False
    return True


def test_both_sides_say_the_same_of_every_index_and_size(go: Judge, logged: Logged) -> None:
    """A path alone does not bind the size (the signature does), so here the two need only agree."""
    leaves = logged.leaves()[:33]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    cases, ours = [], []
    for size in (3, 6, 13, 20, 33):
        span, root = Span(Frontier(), hashes[:size]), Frontier().extend(hashes[:size]).root()
        for index, other_index, other_size in (
            (i, j, n) for i in range(0, size, 3) for j in range(-1, 34, 2) for n in range(35)
        ):
            path = span.path(index)
            cases.append(record(leaves[index], other_index, other_size, root, path))
            try:
                ours.append(root_from_path(hashes[index], other_index, other_size, path) == root)
            except BadProof:
                ours.append(False)
    assert accepted(go(cases)) == ours
    assert 0 < sum(ours) < len(ours) / 10


def tree(old: tuple[int, bytes], new: tuple[int, bytes], path: list[bytes]) -> Case:
    (old_size, old_root), (new_size, new_root) = old, new
    return {
        "Kind": "tree", "Old": {"Size": old_size, "Root": old_root}, "New": {"Size": new_size, "Root": new_root},
        "Path": path,
    }  # fmt: skip


def test_consistency_proofs(go: Judge, logged: Logged) -> None:
    """Between every two of 45 published heads; then altered, and with the head of a third size put in."""
    hashes, chosen = [leaf_hash(leaf) for leaf in logged.leaves()], dice(11)
    heads = sorted((head.size, head.root) for head in chosen.sample(logged.heads, 45))
    good, bad = [], []
    for old, new in combinations(heads, 2):
        path = Span(Frontier().extend(hashes[: old[0]]), hashes[old[0] : new[0]]).consistency()
        check_consistency(*old, *new, path)
        good.append(tree(old, new, path))
        if chosen.random() < 0.2:
            bad += [tree(old, new, altered) for altered in altered_paths(path, chosen)]
            bad.append(tree((old[0], flip(old[1], chosen.randrange(256))), new, path))
            bad.append(tree(old, (new[0], flip(new[1], chosen.randrange(256))), path))
            bad += [tree(third, new, path) for third in chosen.sample(heads, 3) if third[0] not in (old[0], new[0])]
            bad += [tree(old, third, path) for third in chosen.sample(heads, 3) if third[0] not in (old[0], new[0])]
            bad.append(tree(new, old, path))
    assert (len(good), len(bad) > 2_000) == (990, True)
    assert all(accepted(go(good)))
    assert not any(accepted(go(bad)))


def test_both_sides_say_the_same_of_every_pair_of_sizes(go: Judge, logged: Logged) -> None:
    hashes = [leaf_hash(leaf) for leaf in logged.leaves()[:24]]
    cases, ours = [], []
    for old, new in ((1, 2), (3, 5), (4, 7), (6, 13), (8, 24), (11, 12), (17, 23)):
        before = Frontier().extend(hashes[:old])
        after, path = before.extend(hashes[old:new]), Span(before, hashes[old:new]).consistency()
        for old_size in range(1, 26):
            for new_size in range(1, 26):
                claim = ((old_size, before.root()), (new_size, after.root()), path)
                cases.append(tree(*claim))
                ours.append(holds(check_consistency, *claim[0], *claim[1], path))
    assert accepted(go(cases)) == ours
    assert 7 <= sum(ours) < len(ours) / 10


def tiles(folder: Path, key: VerifierKey, olds: list[Checkpoint]) -> Case:
    heads = [{"Size": head.size, "Root": head.root} for head in olds]
    return {"Kind": "tiles", "Folder": str(folder), "VKey": str(key), "Olds": heads}


def test_exported_tiles(go: Judge, logged: Logged) -> None:
    """All records and all earlier heads are proven from the files alone; a bit in any file, or a lost file, is seen."""
    (verdict,) = go([tiles(logged.out, logged.key, logged.heads)])
    assert (verdict["Accepted"], verdict["Reason"]) == (True, "")
    assert verdict["Records"] == verdict["Size"] == logged.heads[-1].size > 512
    chosen, cases = dice(13), []

    def copy() -> Path:
        folder = logged.world.home / f"copy{len(cases)}"
        shutil.copytree(logged.out, folder)
        cases.append(tiles(folder, logged.key, []))
        return folder

    names = [path.relative_to(logged.out) for path in sorted(logged.out.rglob("*")) if path.is_file()]
    for name in names:
        (copy() / name).unlink()
        for _ in range(6):
            path = copy() / name
            data = path.read_bytes()
            size = data.index(b"\n\n") if name.name == "checkpoint" else len(data)
            path.write_bytes(flip(data[:size], chosen.randrange(size * 8)) + data[size:])
    swapped = copy() / "tile/0"
    (swapped / "000").write_bytes((swapped / "001").read_bytes())
    assert len(cases) == 7 * len(names) + 1 >= 57
    assert not any(accepted(go(cases)))
    fork = replace(logged.heads[40], root=flip(logged.heads[40].root, 9))
    assert accepted(go([tiles(logged.out, logged.key, [fork])])) == [False]


def test_a_large_export_in_steps(go: Judge, tmp_path: Path) -> None:
    """Three levels of tiles, and heads that were published on the way."""
    log = Made(70_000)
    heads = [log.publish(tmp_path, size) for size in (1, 255, 256, 700, 65_535, 65_537, 70_000)]
    (verdict,) = go([tiles(tmp_path, KEY, heads)])
    assert (verdict["Accepted"], verdict["Records"], verdict["Reason"]) == (True, 70_000, "")
    assert unb64(verdict["Root"]) == heads[-1].root
