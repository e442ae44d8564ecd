"""Packing: what is merged when, that nothing is lost, and that a kill at any point leaves a log that goes on.

On an object store the same, against moto's server; no real service was tried.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from uuid_utils import uuid7

from audit import memory, upkeep
from audit.errors import Unavailable
from audit.folder import LogFolder
from audit.keyring import read_ring
from audit.proof import check_receipt
from audit.upkeep import Upkeep, pack_all

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def small(monkeypatch):
    """Tiers that a test can fill."""
    monkeypatch.setattr(upkeep, "TIERS", (8, 40, 400))
    monkeypatch.setattr(upkeep, "RECENT_RECORDS", 20)
    monkeypatch.setattr(memory, "RECENT_RECORDS", 20)


@pytest.fixture
def filled(world, small):
    """Forty requests of two records each, and what was answered."""
    log = world.open()
    world.receipts = {}
    for _ in range(40):
        request_id = str(uuid7())
        world.receipts[request_id] = log.append([world.request(request_id), world.window(request_id, 0, "text")])
    return world


def names(world) -> list[str]:
    return [f"{folder}/{name}" for folder in ("seg", "pack") for name in world.names(f"exchange-0/{folder}")]


def check_all(world) -> None:
    """What was acknowledged (of that every fifth) is there and proves itself, to a writer that has just started."""
    assert world.verify()[0] == 0
    log, ring = world.open(), read_ring(world.store)
    for request_id, receipts in list(world.receipts.items())[::5]:
        found = log.receipt(request_id)
        assert [(r.idx, r.kind, r.seq, r.ts) for r in found] == [(r.idx, r.kind, r.seq, r.ts) for r in receipts]
        for new, old in zip(found, receipts, strict=True):
            proven, before = check_receipt(new.proof, ring), check_receipt(old.proof, ring)
            assert (proven.leaf, proven.index, proven.salt) == (before.leaf, before.index, before.salt)
            assert proven.head.size >= before.head.size


@EVERYWHERE
def test_packing_keeps_every_record_and_every_receipt(filled):
    before = filled.open().tail(0)
    log = filled.open()
    assert pack_all(log) >= 2
    assert len(filled.names("exchange-0/seg")) < 10
    check_all(filled)
    again = filled.open()
    assert again.tail(0)[: len(before)] == before
    assert again.tail(30, limit=3) == before[30:33]
    assert pack_all(again) == 0
    again.append([filled.request("after")])
    check_all(filled)


def test_packs_have_filters_for_requests_and_subjects(filled):
    log = filled.open()
    pack_all(log)
    packs = [log.memory.reader.open(file) for file in log.memory.reader.files if file.is_pack]
    filtered = {
        opened.file.schema_arrow.names[column]
        for opened in packs
        for column in range(8)
        if opened.file.metadata.row_group(0).column(column).bloom_filter_offset is not None
    }
    assert (len(packs) > 1, filtered) == (True, {"request_id", "subject"})


@EVERYWHERE
@pytest.mark.timeout(120)
def test_one_writer_packs_while_another_appends(world, small):
    stop, errors, world.receipts = threading.Event(), [], {}
    appending = world.open()

    def append() -> None:
        try:
            while not stop.is_set() and len(world.receipts) < 120:
                request_id = str(uuid7())
                world.receipts[request_id] = appending.append([world.request(request_id)])
        except Exception as error:
            errors.append(error)

    thread, packing, made = threading.Thread(target=append), world.open(), 0
    thread.start()
    while thread.is_alive() and not errors:
        made += pack_all(packing)
        assert world.verify()[0] == 0
    stop.set()
    thread.join()
    assert errors == []
    assert made > 1
    assert len(world.names("exchange-0/seg")) < 60
    check_all(world)


@EVERYWHERE
def test_a_kill_after_the_pack_was_built_costs_nothing(filled):
    """Its record is missing, so it does not count, until it is built again."""
    cut_off = Upkeep(filled.open())
    built = cut_off.build(cut_off.plan())
    assert built.file.name in names(filled)
    check_all(filled)
    reopened = filled.open()
    assert built.file not in reopened.memory.reader.files
    again = Upkeep(reopened)
    assert again.build(again.plan()) == built
    assert pack_all(reopened) > 1
    check_all(filled)
    assert set(names(filled)) == {file.name for file in filled.open().memory.reader.files}


@EVERYWHERE
def test_a_kill_after_the_pack_was_named_leaves_files_that_are_swept(filled):
    cut_off = Upkeep(filled.open())
    built = cut_off.build(cut_off.plan())
    assert cut_off.adopt(built)
    check_all(filled)
    reopened = filled.open()
    assert reopened.memory.reader.leftovers == list(built.sources)
    pack_all(reopened)
    check_all(filled)
    assert set(names(filled)) == {file.name for file in filled.open().memory.reader.files}


@pytest.mark.parametrize("deleted", [0, 1, 5, 15])
def test_a_kill_amid_the_deletion_leaves_no_gap(filled, monkeypatch, deleted):
    left = deleted

    def delete(store, name: str) -> None:
        nonlocal left
        if left == 0:
            raise OSError(5, "killed")
        left -= 1
        real(store, name)

    kind = type(filled.store)
    real = kind.delete
    with monkeypatch.context() as killed:
        killed.setattr(kind, "delete", delete)
        with pytest.raises(Unavailable):
            pack_all(filled.open())
    check_all(filled)
    pack_all(filled.open())
    check_all(filled)
    assert set(names(filled)) == {file.name for file in filled.open().memory.reader.files}


def test_a_pack_that_was_built_before_an_erasure_does_not_come_to_count_after_it(filled):
    """Two packers: one merges, an erasure goes by, then the first wants to name what it made."""
    slow = Upkeep(filled.open())
    built = slow.build(slow.plan())
    from audit.erasure import erase

    done = erase(filled.address, filled.keys, "school", "ada")
    assert slow.adopt(built) is False
    check_all_but_text(filled, done.tag)


def check_all_but_text(world, tag: str) -> None:
    assert world.verify()[0] == 0
    log = world.open()
    for request_id, receipts in world.receipts.items():
        assert [r.subject for r in log.receipt(request_id)] == [tag] * len(receipts)


def test_packs_are_bounded_in_bytes_and_packing_ends(filled, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_BYTES", 30_000)
    log = filled.open()
    assert pack_all(log) > 2
    assert pack_all(log) == 0
    packs = [file for file in log.memory.reader.files if file.is_pack]
    assert all(len(log.memory.reader.folder.read(file)) < 60_000 for file in packs)
    check_all(filled)


def test_a_start_reads_the_newest_files_only(filled, monkeypatch):
    pack_all(filled.open())
    read, real = [], LogFolder.read
    monkeypatch.setattr(LogFolder, "read", lambda folder, file: (read.append(file), real(folder, file))[1])
    log = filled.open()
    assert log.size > 80
    assert len(log.memory.reader.files) > len(set(read))
    assert min(file.start for file in read) > log.size - 20 - 40


PACKER = """
import sys
from pathlib import Path
from audit import keys, memory, upkeep
from audit.log import Log
from audit.record import Entry, Kind
upkeep.TIERS, upkeep.RECENT_RECORDS = (8, 40, 400), 20
home, run = Path(sys.argv[1]), sys.argv[2]
log = Log.open(home / "audit" / "exchange-0", keys.load(home / "keys"))
for n in range(10**6):
    for receipt in log.append([Entry.operational(Kind.tick, {"counts": {run: n}})]):
        print(receipt.request_id, receipt.idx, flush=True)
    if n % 10 == 9:
        upkeep.pack_all(log)
"""


def test_a_killed_packer_loses_nothing(world):
    acknowledged = {}
    for run in range(5):
        packer = subprocess.Popen(
            [sys.executable, "-c", PACKER, str(world.home), str(run)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        lines = [packer.stdout.readline() for _ in range(12)]  # it packs after ten
        time.sleep(0.15 + run * 0.07)
        os.kill(packer.pid, signal.SIGKILL)
        lines += packer.communicate()[0].splitlines()
        acknowledged |= dict(line.split() for line in lines if len(line.split()) == 2)
        assert world.verify()[0] == 0
    log, stored = world.open(), {}
    while leaves := log.tail(max(map(int, stored.values()), default=0) + 1):
        stored |= {leaf["request_id"]: str(leaf["idx"]) for leaf in leaves}
    assert len(acknowledged) > 20
    assert acknowledged.items() <= stored.items()
    assert any("pack" in name for name in names(world))
