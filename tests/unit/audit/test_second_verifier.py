"""A verifier that knows only docs/audit-format.md comes to our result: on good logs, on damaged ones, and on logs
whose signer lies.
"""

import ast
import json
import random
import shutil
from pathlib import Path

import pytest

from audit.erasure import erase
from audit.keyring import FOUNDING
from audit.log import Log
from audit.prune import prune
from audit.record import Entry, Kind
from audit.rotate import rotate
from audit.upkeep import Upkeep, run_once
from tests.golden import build, lies, second_verifier

SOURCES = sorted(Path(second_verifier.__file__).parent.glob("second_*.py"))
KEY = ("--key", build.VECTORS / "key.vkey")
NOT_MISSED = {
    "exchange-0/pack/00000000000000000019-00000000000000000021-000000.parquet",  # no record names it
    "control/seg/00000000000000000025.parquet",  # the control log's end, of which no head is known outside
}
ALTERED = 200


def compare(world, *arguments):
    """Our report, after the other verifier has said the same, but for the words of a reason."""
    code, ours = world.verify(world.root, *arguments)
    given = {"--key": [], "--checkpoint": [], "--receipt": []}
    for flag, path in zip(arguments[::2], arguments[1::2], strict=True):
        given[flag].append(Path(path))
    key = given["--key"][0] if given["--key"] else None
    theirs = second_verifier.verify(world.root, key, given["--checkpoint"], given["--receipt"]).to_json()
    assert wordless(theirs) == wordless(ours)
    assert code == (0 if ours["valid"] else 1)
    return ours


def wordless(report):
    bad = report["first_bad"] and {name: report["first_bad"][name] for name in ("file", "index")}
    receipts = [(one["file"], one["valid"]) for one in report["receipts"]]
    return report | {"first_bad": bad, "receipts": receipts}


def test_it_knows_nothing_of_audit():
    for path in SOURCES:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        assert [name for name in named if name.split(".")[0] == "audit"] == []
        assert len(path.read_text().splitlines()) < 300
    assert len(SOURCES) == 5


def test_it_gives_the_expected_report_of_the_golden_log(capsys, monkeypatch):
    monkeypatch.chdir(build.VECTORS)
    flags = [
        f"--{folder[:-1]}={path}" for folder in ("receipts", "checkpoints") for path in sorted(Path(folder).iterdir())
    ]
    assert second_verifier.main(["root", "--key=key.vkey", *flags, "--checkpoint=cosigned.checkpoint"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("expected.json").read_text())["report"]


def test_it_agrees_at_every_step_of_a_logs_life(world, tmp_path):
    log = world.open()
    receipts = [log.append(world.exchange(f"r{n}", "Cross-", f"site {n}"))[-1] for n in range(4)]
    (tmp_path / "receipt").write_text(receipts[0].proof)
    (tmp_path / "head").write_text(log.checkpoint())
    shutil.copy(world.root / FOUNDING, tmp_path / "key")
    outside = ("--key", tmp_path / "key", "--receipt", tmp_path / "receipt", "--checkpoint", tmp_path / "head")
    ticks = [Entry.operational(Kind.tick, {"counts": {"n": n}}) for n in range(9001)]
    steps = {
        "pack": lambda: run_once(Upkeep(log), log.memory.reader.files[:-1]),
        "pin": lambda: world.open("control").append([Entry.operational(Kind.head, log.head())]),
        "rotate": lambda: rotate(world.root, world.keys),
        "one more": lambda: log.append(world.exchange("one more", "text")),
        "erase": lambda: erase(world.root, world.keys, "school", "ada"),
        "next epoch": lambda: log.append(world.exchange("next epoch", "text")),
        "prune": lambda: prune(log, log.tail(4)[5]["ts"] + 1, "retention"),
        "pin again": lambda: world.open("control").append([Entry.operational(Kind.head, log.head())]),
        "blocks": lambda: [log.append(ticks[low:high]) for low, high in ((0, 3000), (3000, 9000), (9000, 9001))],
        "pack blocks": lambda: run_once(Upkeep(log), log.memory.reader.files[:-1]),
    }
    for name, step in steps.items():
        assert step() is not None, name
        assert compare(world)["valid"], name
        report = compare(world, *outside)
        assert report["valid"], name
    assert len(report["notes"]) == 1  # the receipt is older than what is kept, the head just as old


@pytest.fixture
def golden(world):
    shutil.rmtree(world.root)
    shutil.copytree(build.VECTORS / "root", world.root)
    return world


def alter(data: bytes, chosen: random.Random) -> bytes:
    at = chosen.randrange(len(data))
    return data[:at] + bytes([data[at] ^ chosen.randrange(1, 256)]) + data[at + 1 :]


def test_both_find_any_altered_byte(golden):
    chosen = random.Random(20260101)  # noqa: S311
    files = sorted(path for path in golden.root.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    for path in [*files, *chosen.choices(files, sizes, k=ALTERED - len(files))]:
        data = path.read_bytes()
        path.write_bytes(alter(data, chosen))
        assert not compare(golden, *KEY)["valid"], path
        path.write_bytes(data)
    assert compare(golden, *KEY)["valid"]


@pytest.mark.parametrize("kind", ["receipt", "checkpoint", "key"])
def test_both_judge_what_came_from_outside_alike(golden, tmp_path, kind):
    chosen, file, found = random.Random(7), tmp_path / kind, []  # noqa: S311
    source = {"receipt": "receipts/answer", "checkpoint": "checkpoints/latest", "key": "key.vkey"}[kind]
    for _ in range(25):
        file.write_bytes(alter((build.VECTORS / source).read_bytes(), chosen))
        found.append(compare(golden, f"--{kind}", file)["valid"])
    assert found.count(False) >= 23  # nothing but the text that was shown protects the salt in a receipt


def test_both_miss_the_same_files(golden):
    for path in sorted(path for path in golden.root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        path.unlink()
        report = compare(golden, *KEY, "--checkpoint", build.VECTORS / "checkpoints" / "latest")
        assert report["valid"] == (path.relative_to(golden.root).as_posix() in NOT_MISSED), path
        path.write_bytes(data)


def test_both_refuse_swapped_stray_and_foreign_files(golden):
    one, *_, two, three = sorted((golden.root / "exchange-0").rglob("*.parquet"))
    for source, target in ((one, three), (three, one), (two, three)):
        data = target.read_bytes()
        target.write_bytes(source.read_bytes())
        assert not compare(golden)["valid"]
        target.write_bytes(data)
    for name in ("seg/1.parquet", "pack/stray", "seg/00000000000000000099.parquet"):
        (golden.root / "exchange-0" / name).write_bytes(b"PAR1")
        assert compare(golden)["first_bad"]["file"] == f"exchange-0/{name}"
        (golden.root / "exchange-0" / name).unlink()
    (golden.root / "exchange-0" / "seg" / ".tmp-1").write_bytes(b"torn")
    assert compare(golden)["valid"]
    shutil.copytree(golden.root / "exchange-0", golden.root / "exchange-1")
    assert compare(golden)["first_bad"]["file"] == "exchange-1"


@pytest.fixture
def busy(world):
    """A log for which a signer may forge something."""
    world.log = world.open()
    for n in range(4):
        world.log.append([*world.exchange(f"r{n}", "Cross-")[:2], world.window(f"r{n}", 1, "site")])
    return world


@pytest.mark.parametrize("about", lies.LIES)
def test_both_catch_a_signer_who_lies_about(busy, monkeypatch, about):
    assert compare(busy)["valid"]
    with monkeypatch.context() as patched:
        lies.LIES[about](busy, patched)
    assert not compare(busy)["valid"]


def test_both_catch_a_signer_who_lies_about_the_root_of_a_block(busy, monkeypatch):
    busy.log.append([Entry.operational(Kind.tick, {"counts": {}}) for _ in range(4200)])
    busy.log.append([busy.request("end")])
    lies.pack(lies.with_another_block_root)(busy, monkeypatch)
    assert not compare(busy)["valid"]


TRUTHS = [lies.pack(lies.honest), lies.prefix(rule="retention"), lies.between(0, 2), lies.between(3), lies.head()]


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_same_steps_are_fine_without_the_lie(busy, monkeypatch, truth):
    truth(busy, monkeypatch)
    assert compare(busy)["valid"]


def test_a_fork_is_caught_at_the_very_edge_of_what_was_pruned(busy, tmp_path):
    shutil.copytree(busy.root, tmp_path / "fork")
    theirs = Log.open(tmp_path / "fork" / "exchange-0", busy.keys)
    for name, log in (("ours", busy.log), ("theirs", theirs)):
        log.append([busy.request(name)])
        (tmp_path / name).write_text(log.checkpoint())
    busy.log.append([busy.request("after")])
    edge = busy.log.memory.reader.files[-1].start
    prune(busy.log, busy.log.tail(edge)[0]["ts"], "retention")
    assert busy.log.memory.reader.files[0].start == edge
    assert compare(busy, "--checkpoint", tmp_path / "ours")["valid"]
    assert not compare(busy, "--checkpoint", tmp_path / "theirs")["valid"]


def test_nothing_to_verify_is_exit_status_2(tmp_path, capsys):
    for arguments in ([str(tmp_path)], [str(tmp_path / "none")], []):
        assert second_verifier.main(arguments) == 2
        assert json.loads(capsys.readouterr().out)["valid"] is False
