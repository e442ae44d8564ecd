"""The witness over a real root, through its command: what an auditor with a copy of the files can catch."""

import contextlib
import dataclasses
import io
import json
import shutil
from pathlib import Path

import pytest

from audit import witness
from audit.checkpoint import VerifierKey
from audit.cosignature import WitnessKey, cosigned_at
from audit.errors import BadSegment
from audit.merkle import Frontier, leaf_hash
from audit.upkeep import Upkeep, run_once

STRANGER = VerifierKey("test/0011223344556677/control", b"\x07" * 32)


@pytest.fixture
def watch(world, tmp_path):
    """Runs the command over a root: exit status and lines by log."""

    def run(root: Path = world.root, *more) -> tuple[int, dict]:
        arguments = [root, "--key", world.root / "log.vkey", "--state", tmp_path / "witness", "--out", tmp_path / "out"]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = witness.main([str(argument) for argument in (*arguments, *more)])
        found = [json.loads(line) for line in out.getvalue().splitlines()]
        return code, {(line["origin"] or "").rpartition("/")[2]: line for line in found}

    world.log = world.open()
    world.log.append(world.exchange("r1", "one"))
    return run


def evidence(state: Path) -> list[str]:
    """Sizes of the heads that are kept as evidence."""
    return sorted(path.read_text().split("\n")[1] for path in state.glob("evidence-*"))


def copy(world, tmp_path: Path, name: str):
    """The same root and keys elsewhere."""
    shutil.copytree(world.home / "audit", tmp_path / name / "audit")
    shutil.copytree(world.home / "keys", tmp_path / name / "keys")
    return dataclasses.replace(world, home=tmp_path / name)


def test_growth_is_cosigned_and_serves_the_verifier(world, watch, tmp_path):
    assert watch()[0] == 0
    for number in range(3):
        world.log.append(world.exchange(f"more-{number}", "a", "b"))
        code, found = watch()
        line = found["exchange-0"]
        assert (code, line["cosigned"], line["size"], line["reason"]) == (0, True, world.log.size, None)
    assert watch()[1] == found  # nothing new is consistent too
    key = WitnessKey.parse((tmp_path / "witness" / "witness.vkey").read_text())
    for name in ("control", "exchange-0"):
        path = tmp_path / "out" / f"{name}.checkpoint"
        assert cosigned_at(path.read_text(), key) > 1_700_000_000
        assert world.verify(world.root, "--checkpoint", path)[0] == 0


def test_a_rollback_is_caught_by_the_witness_and_by_what_it_wrote(world, watch, tmp_path):
    old, size = copy(world, tmp_path, "old"), world.log.size
    world.log.append([world.request("later")])
    assert watch()[0] == 0
    assert world.verify(old.root)[0] == 0  # the stated limit
    assert world.verify(old.root, "--checkpoint", tmp_path / "out" / "exchange-0.checkpoint")[0] == 1
    code, found = watch(old.root)
    assert (code, found["control"]["cosigned"], found["exchange-0"]["cosigned"]) == (1, True, False)
    assert f"remembers size {size + 1}, got growth from {size} to {size}" in found["exchange-0"]["reason"]
    assert evidence(tmp_path / "witness") == [str(size), str(size + 1)]
    assert watch()[0] == 0


def test_a_fork_by_the_real_key_is_caught(world, watch, tmp_path):
    theirs = copy(world, tmp_path, "theirs")
    world.log.append([world.request("ours")])
    assert watch()[0] == 0
    for extra in range(2):  # the same size, then a larger one
        theirs.open().append([theirs.request(f"theirs-{extra}")])
        code, found = watch(theirs.root)
        assert (code, found["exchange-0"]["cosigned"], found["exchange-0"]["size"]) == (1, False, world.log.size)
    assert evidence(tmp_path / "witness") == [str(world.log.size + extra) for extra in (0, 0, 0, 1)]


def test_a_lost_log_damage_and_a_strange_key_are_caught(world, watch, tmp_path):
    assert watch()[0] == 0
    bare, damaged, stranger = (copy(world, tmp_path, name) for name in ("bare", "damaged", "stranger"))
    shutil.rmtree(bare.root / "exchange-0")
    code, found = watch(bare.root)
    assert (code, found["exchange-0"]["reason"]) == (1, "log is empty")
    path = damaged.segments()[-1]
    path.write_bytes(path.read_bytes()[:-1])
    code, found = watch(damaged.root)
    assert (code, found["exchange-0"]["reason"]) == (1, "file is not as it was signed")
    (stranger.root / "log.vkey").write_text(f"{STRANGER}\n")
    code, found = watch(stranger.root)
    assert (code, found["control"]["reason"]) == (1, "log.vkey: not the key that was given")


def test_what_cannot_be_read_is_no_inconsistency(world, watch, tmp_path):
    assert watch(tmp_path / "nowhere")[0] == 2
    (tmp_path / "empty").mkdir()
    assert watch(tmp_path / "empty")[0] == 2
    for arguments in ([], [world.root, "--listen", ":0"], ["--listen", "host"], [world.root, "--key", "second"]):
        with pytest.raises(SystemExit, match="2"):
            witness.main([*map(str, arguments), "--key", "first", "--state", str(tmp_path / "witness")])


def test_packing_is_no_change_to_a_witness(world, watch):
    """Whatever it remembers: a place inside a pack, its end, or nothing."""
    assert watch()[0] == 0
    for number in range(20):
        world.log.append([world.request(f"many-{number}")])
    assert run_once(Upkeep(world.log), world.log.memory.reader.files[:15])
    assert watch()[1]["exchange-0"]["size"] == world.log.size
    world.log.append([world.request("after")])
    assert watch()[0] == 0
    assert watch(world.root, "--state", str(world.home / "another"))[0] == 0


def test_a_log_with_a_hole_is_not_trusted_at_first_sight(world, watch):
    for number in range(2):
        world.log.append([world.request(f"r{number + 2}")])
    world.segments()[-2].unlink()
    code, found = watch()
    assert (code, found["exchange-0"]["cosigned"], found["exchange-0"]["size"]) == (1, False, None)
    assert "does not continue the tree" in found["exchange-0"]["reason"]


def test_growth_is_told_from_any_place_of_the_files_that_are_left():
    hashes = [leaf_hash(bytes([index])) for index in range(20)]
    tail = witness.Tail(Frontier().extend(hashes[:8]), hashes[8:], "")
    assert tail.growth(0) == (0, [])
    assert tail.growth(20) == (20, [])
    assert tail.growth(30) == (20, [])
    assert [tail.growth(size)[0] for size in (8, 9, 19)] == [8, 9, 19]
    with pytest.raises(BadSegment, match="from 7 on were removed"):
        tail.growth(7)
