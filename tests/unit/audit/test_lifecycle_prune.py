"""Retention: what is old goes by whole files, a record says so, and what is left verifies. Also against moto's S3."""

import json
import time

import pytest

from audit import prune as command
from audit import upkeep
from audit.erasure import erase, open_log
from audit.errors import BadEntry, BadSegment, Unavailable
from audit.keyring import read_ring
from audit.proof import check_receipt
from audit.prune import DAY_US, prune
from audit.record import Entry, Kind
from audit.upkeep import pack_all

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
BEGUN_US = 2_000_000_000_000_000


def day(number: float) -> int:
    return int(BEGUN_US + number * DAY_US)


@pytest.fixture
def filled(world):
    """Ten days, one exchange of three records a day, from index 1 on; heads are pinned on the way."""
    today = iter(range(10))
    log = world.open(clock=lambda: day(next(today)))
    world.receipts = []
    for number in range(10):
        world.receipts += log.append(world.exchange(f"r{number}", "text"))
        if number % 4 == 0:
            world.open("control").append([Entry.operational(Kind.head, log.head())])
    return world


def names(world) -> list[str]:
    return [f"{folder}/{name}" for folder in ("seg", "pack") for name in world.names(f"exchange-0/{folder}")]


def check_old_receipts(world, receipts) -> None:
    """They hold by themselves, and beside a root that no longer has their records."""
    ring = read_ring(world.store)
    key, proof = world.home / "outside.vkey", world.home / "receipt"
    key.write_bytes(bytes(world.store.read("log.vkey")))
    for receipt in receipts:
        assert check_receipt(receipt.proof, ring).index == receipt.idx
    proof.write_text(receipts[0].proof)
    assert world.verify("--key", key, "--receipt", proof)[0] == 0
    code, report = world.verify(world.address, "--key", key, "--receipt", proof)
    assert (code, report["receipts"][0]["valid"]) == (0, True)
    assert any("pruned" in note for note in report["notes"])


@EVERYWHERE
def test_what_is_left_verifies_and_old_receipts_hold(filled):
    log = filled.open()
    assert prune(log, day(6), "P6D") == (0, 19)
    assert names(filled)[0] == "seg/00000000000000000019.parquet"
    code, report = filled.verify()
    assert (code, report["logs"][1]["size"]) == (0, 32)
    check_old_receipts(filled, filled.receipts)
    for each in (log, filled.open()):
        assert each.size == 32
        assert each.tail(19)[0]["request_id"] == "r6"
        assert each.tail(31)[0]["fields"]["rule"] == "P6D"
        assert each.receipt("r0") == []
        assert [receipt.idx for receipt in each.receipt("r6")] == [19, 20, 21]
    with pytest.raises(BadSegment, match="no longer kept"):
        filled.open().tail(0)
    log.append([filled.request("after")])
    assert prune(log, day(8), "P6D") == (19, 25)
    assert filled.verify()[0] == 0
    assert prune(filled.open(), day(8), "P6D") == (0, 0)


@EVERYWHERE
def test_packs_go_whole(filled, monkeypatch):
    monkeypatch.setattr(upkeep, "TIERS", (8, 10_000, 100_000))
    monkeypatch.setattr(upkeep, "RECENT_RECORDS", 10)
    log = filled.open()
    pack_all(log)
    (first, *_) = log.memory.reader.files
    assert first.is_pack
    assert first.end == 19
    assert prune(log, day(5), "P5D") == (0, 0)
    assert prune(log, day(6), "P6D") == (0, 19)
    assert first.name not in names(filled)
    assert filled.verify()[0] == 0
    check_old_receipts(filled, filled.receipts)


def test_only_what_is_recorded_may_be_missing(filled):
    """As when somebody deletes by hand, with or without a record that says otherwise."""
    first, second, third, *_ = filled.segments()
    for path in (first, second):
        data = path.read_bytes()
        path.unlink()
        assert filled.verify()[0] == 1
        path.write_bytes(data)
    log = filled.open()
    assert prune(log, day(2), "P2D") == (0, 7)
    assert filled.verify()[0] == 0
    data = filled.segments()[0].read_bytes()
    filled.segments()[0].unlink()
    code, report = filled.verify()
    assert (code, "no prune record says so" in report["first_bad"]["reason"]) == (1, True)
    third.with_name("00000000000000000007.parquet").write_bytes(data)
    assert filled.verify()[0] == 0


def test_a_record_with_another_tree_excuses_nothing(filled):
    fields = {"start": 0, "end": 7, "frontier": ["AAAA"], "rule": "forged"}
    filled.open().append([Entry.operational(Kind.prune, fields)])
    for path in filled.segments()[:3]:
        path.unlink()
    code, report = filled.verify()
    assert (code, report["first_bad"]["index"]) == (1, 0)


def test_the_control_log_is_kept_and_so_is_what_is_young(filled):
    with pytest.raises(BadEntry, match="got the control log"):
        prune(filled.open("control"), day(99), "all")
    log = filled.open()
    assert prune(log, 0, "P99Y") == (0, 0)
    assert log.size == 31
    assert prune(log, day(99), "all") == (0, 28), "the last file stays"
    assert filled.verify()[0] == 0


@EVERYWHERE
@pytest.mark.parametrize("deleted", [0, 1, 4])
def test_a_kill_amid_the_deletion_leaves_a_valid_log_that_is_swept(filled, monkeypatch, deleted):
    left, kind = deleted, type(filled.store)
    real = kind.delete

    def delete(store, name: str) -> None:
        nonlocal left
        if "seg/" in name and left == 0:
            raise OSError(5, "killed")
        left -= "seg/" in name
        real(store, name)

    with monkeypatch.context() as killed:
        killed.setattr(kind, "delete", delete)
        with pytest.raises(Unavailable):
            prune(filled.open(), day(6), "P6D")
    assert len(names(filled)) == 12 - deleted
    assert filled.verify()[0] == 0
    log = filled.open()
    log.append([filled.request("after")])
    assert filled.verify()[0] == 0
    pack_all(log)
    assert names(filled)[0] == "seg/00000000000000000019.parquet"
    assert filled.verify()[0] == 0
    check_old_receipts(filled, filled.receipts)


def test_a_second_writer_goes_on(filled):
    other, log = filled.open(), filled.open()
    assert prune(log, day(6), "P6D") == (0, 19)
    (receipt,) = other.append([filled.request("after")])
    assert receipt.idx == 32
    assert other.receipt("r0") == []
    assert [receipt.idx for receipt in other.receipt("r7")] == [22, 23, 24]
    erase(filled.address, filled.keys, "school", "ada")
    assert filled.verify()[0] == 0


def test_a_retry_of_what_was_pruned_fails_alone(filled):
    log = filled.open()
    prune(log, day(6), "P6D")
    gone, kept, new = log.append([filled.request("r0"), filled.request("r7"), filled.request("new")])
    assert isinstance(gone, BadSegment)
    assert (kept.idx, new.idx) == (22, 32)


def test_a_pruned_log_is_checked_against_pinned_heads(filled):
    prune(filled.open(), day(6), "P6D")
    log = open_log(filled.address, "exchange-0", filled.keys)
    assert log.size == 32
    prune(log, day(99), "all")
    assert open_log(filled.address, "exchange-0", filled.keys).size == 33
    assert filled.verify()[0] == 0


def test_the_command_counts_in_days(world, capsys):
    log = world.open(clock=lambda: time.time_ns() // 1000 - 9 * DAY_US)
    log.append([world.request("old")])
    world.open().append([world.request("new")])
    arguments = [str(world.root), "--keys", str(world.home / "keys"), "--log", "exchange-0", "--days"]
    assert command.main([*arguments, "30"]) == 0
    assert json.loads(capsys.readouterr().out) == {"log": "exchange-0", "start": 0, "end": 0}
    assert world.open().size == 3
    arguments[4] = "control"
    assert command.main([*arguments, "1"]) == 2
    assert "not pruned: expected an exchange log" in capsys.readouterr().err
    arguments[4] = "exchange-7"
    assert command.main([*arguments, "1"]) == 2
