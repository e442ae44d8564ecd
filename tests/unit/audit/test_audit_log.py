"""The writer: what it acknowledges is stored, once, in order, whatever happens to it."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from uuid_utils import uuid7

from audit import disk, init, keys
from audit.errors import (
    AlreadyBegun,
    AuditError,
    BadEntry,
    BadKeys,
    BadRoot,
    IdempotencyConflict,
    RequestClosed,
    Unavailable,
)
from audit.log import Log, Receipt
from audit.record import Entry, Kind

ROOT = Path(__file__).resolve().parents[3]


def test_an_exchange_is_one_segment_and_survives_reopening(world):
    log = world.open()
    receipts = log.append(world.exchange("r1", "Cross-", "site scripting"))
    assert [(r.kind, r.seq, r.idx) for r in receipts] == [
        ("request", 0, 1), ("window", 1, 2), ("window", 2, 3), ("answer", 3, 4),
    ]  # fmt: skip
    assert len(world.segments()) == 2
    assert pickle.loads(pickle.dumps(receipts)) == receipts  # noqa: S301
    again = world.open()
    assert again.size == log.size == 5
    assert again.checkpoint() == log.checkpoint()
    assert again.receipt("r1") == receipts
    assert {r.subject for r in receipts} == {again.tag("school", "ada")}


def test_a_retry_gets_the_stored_receipt_and_another_content_a_conflict(world):
    log = world.open()
    first = log.append(world.exchange("r1", "one"))
    assert log.append(world.exchange("r1", "one")[:2]) == first[:2]
    log = world.open()
    assert log.append([world.request("r1")])[0] == first[0]
    (conflict,) = log.append([world.window("r1", 0, "two")])
    assert isinstance(conflict, IdempotencyConflict)
    assert log.size == 4


def test_one_batch_may_hold_the_same_record_twice(world):
    entry = world.request("r1")
    one, two = world.open().append([entry, entry])
    assert one == two


def test_nothing_follows_a_closing_record_and_no_gap_is_taken(world):
    log = world.open()
    log.append(world.exchange("r1", "one"))
    late, gap, fine = log.append([world.window("r1", 5, "late"), world.window("r2", 3, "unknown"), world.request("r3")])
    assert isinstance(late, RequestClosed)
    assert isinstance(gap, Receipt)  # its request may be older than what is remembered
    assert isinstance(fine, Receipt)
    (gap,) = log.append([world.window("r3", 4, "gap")])
    assert isinstance(gap, BadEntry)


@pytest.mark.parametrize(
    "bad",
    [
        {"fields": {"wrong": 1}},
        {"text": None},
        {"text": "\ud800"},
        {"subject": ""},
        {"seq": -1},
        {"request_id": ""},
        {"tenant": "a\nb"},
        {"fields": {"n": 0, "action": "ALLOW", "category": None, "score_ppm": 0.5}},
        {"fields": {"n": 0, "action": "MAYBE", "category": None, "score_ppm": 1}},
        {"fields": {"n": True, "action": "ALLOW", "category": None, "score_ppm": 1}},
        {"text": "x" * 5_000_000},
    ],
)
def test_a_bad_entry_never_fails_its_neighbours(world, bad):
    good = world.window("w", 0, "text")
    broken = Entry(**({name: getattr(good, name) for name in Entry.__dataclass_fields__} | bad))
    before, error, after = world.open().append([world.request("r1"), broken, world.request("r2")])
    assert isinstance(error, BadEntry)
    assert (before.idx, after.idx) == (1, 2)


def test_two_writers_lose_nothing(world):
    one, two = world.open(), world.open()
    for turn in range(6):
        log = (one, two)[turn % 2]
        (receipt,) = log.append([world.request(f"r{turn}")])
        assert receipt.idx == turn + 1
    assert [leaf["request_id"] for leaf in one.tail(1)] == [f"r{turn}" for turn in range(6)]
    assert world.verify()[0] == 0


def test_nothing_is_refused_for_what_another_writer_has_just_added(world):
    """As in a rolling update: a request's windows come to two writers by turns."""
    one, two = world.open(), world.open()
    one.append([world.request("r1")])
    two.tail(0)
    for n in range(6):
        (receipt,) = (one, two)[n % 2].append([world.window("r1", n, f"word {n} ")])
        assert isinstance(receipt, Receipt), receipt
    (gap,) = one.append([world.window("r1", 9, "gap")])
    assert isinstance(gap, BadEntry)
    assert world.verify()[0] == 0


def test_without_its_folder_a_log_is_unavailable_and_recovers(world):
    log, seg = world.open(), world.root / "exchange-0" / "seg"
    log.append([world.request("r1")])
    seg.rename(seg.with_name("away"))
    seg.write_text("no folder")
    with pytest.raises(Unavailable):
        log.append([world.request("r2")])
    assert log.size == 2
    seg.unlink()
    seg.with_name("away").rename(seg)
    (receipt,) = log.append([world.request("r2")])
    assert receipt.idx == 2
    assert world.verify()[0] == 0


def test_a_commit_that_failed_but_was_stored_is_found_by_the_retry(world, monkeypatch):
    log, entry = world.open(), world.request("r1")
    log.append([world.request("r0")])
    with monkeypatch.context() as broken:
        broken.setattr(disk, "sync_folder", lambda folder: (_ for _ in ()).throw(OSError(5, "EIO")))
        with pytest.raises(Unavailable):
            log.append([entry])
    (receipt,) = log.append([entry])
    assert (receipt.idx, log.size) == (2, 3)
    assert not list(world.root.glob("*/seg/.tmp-*"))


def test_no_fsync_no_acknowledgement(world, monkeypatch):
    synced = []
    real = os.fsync
    log, entry = world.open(), world.request("r1")
    log.tag("school", "ada")
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd)))
    log.append([entry])
    assert [Path(path).name[:5] for path in synced] == [".tmp-", "seg"]


def test_a_published_segment_was_checked_by_the_verifier(world, monkeypatch):
    from audit import segment
    from audit.errors import BadSegment

    log, real = world.open(), segment.encode
    monkeypatch.setattr(segment, "encode", lambda *a: real(*a).replace(b"request", b"reguest"))
    with pytest.raises(BadSegment):
        log.append([world.request("r1")])
    assert len(world.segments()) == 1


def test_time_never_runs_backwards(world):
    times = iter([2_000_000_000_000_000, 1_000])
    log = world.open(clock=lambda: next(times))
    assert [log.append([world.request(f"r{n}")])[0].ts for n in range(2)] == [2_000_000_000_000_000] * 2


def test_a_tick_closes_what_is_past_its_deadline_also_after_a_restart(world):
    log = world.open()
    log.append([world.request("r1", deadline_us=10), world.window("r1", 0, "half")])
    log.append([world.request("r2")])
    log = world.open()
    (receipt,) = log.tick(time.time_ns() // 1000)
    assert (receipt.kind, receipt.request_id, receipt.seq) == ("interrupted", "r1", 2)
    assert log.tail(receipt.idx)[0]["fields"] == {"cause": "unknown", "windows": 1}
    (late,) = log.append([world.window("r1", 1, "late")])
    assert isinstance(late, IdempotencyConflict)
    assert log.tick(time.time_ns() // 1000) == []
    (sign,) = log.tick(time.time_ns() // 1000 + 61_000_000)
    assert sign.kind == "tick"


def test_old_receipts_are_found_by_the_time_in_the_id(world, monkeypatch):
    from audit import memory as module

    ids = [str(uuid7()) for _ in range(12)]
    log = world.open()
    for request_id in ids:
        log.append(world.exchange(request_id, "text"))
    monkeypatch.setattr(module, "RECENT_RECORDS", 2)
    reopened = world.open()
    assert [r.kind for r in reopened.receipt(ids[0])] == ["request", "window", "answer"]
    assert reopened.receipt(str(uuid7())) == reopened.receipt("nobody") == []
    assert [leaf["idx"] for leaf in reopened.tail(3, limit=5)] == [3, 4, 5, 6, 7]
    assert reopened.tail(reopened.size) == []


def test_a_log_opens_only_where_one_was_begun(world, tmp_path):
    with pytest.raises(BadRoot):
        Log.open(tmp_path / "nowhere", world.keys)
    with pytest.raises(BadKeys):
        Log.open(world.root / "control", keys.create(tmp_path / "other"))
    for file in world.segments():
        file.unlink()
    with pytest.raises(BadRoot):
        world.open()
    with pytest.raises(AlreadyBegun):
        init.begin(world.root, tmp_path / "keys", "test", 1)


def test_founding_records_follow_the_list_of_logs(tmp_path):
    founding = [Entry.operational(Kind.policy, dict.fromkeys(("policy_digest", "guard_digest", "terms_digest"), "d"))]
    init.begin(tmp_path / "audit", tmp_path / "keys", "test", 2, founding)
    leaves = Log.open(tmp_path / "audit" / "control", keys.load(tmp_path / "keys")).tail(0)
    assert [leaf["kind"] for leaf in leaves] == ["genesis", "logs", "policy"]

    assert len(leaves[1]["fields"]["logs"]) == 3
    bad = Entry.operational(Kind.policy, {"wrong": 1})
    with pytest.raises(BadEntry):
        init.begin(tmp_path / "again", tmp_path / "keys", "test", 1, [bad])
    assert not list(tmp_path.glob("*again*"))


def test_a_root_is_begun_where_no_folder_is_yet_however_it_is_named(tmp_path):
    init.begin(str(tmp_path / "as" / "text"), tmp_path / "keys", "test", 1)
    assert (tmp_path / "as" / "text" / "control").is_dir()


def test_keys_are_private_and_subject_keys_agree(world, tmp_path):
    folder = tmp_path / "keys"
    tags = {keys.load(folder).subjects.of("school", "bob").tag("school") for _ in range(3)}
    assert len(tags) == 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert not any("bob" in str(path) for path in files)
    subject = next((folder / "subjects").iterdir())
    subject.write_bytes(subject.read_bytes().replace(b'"epoch": 0', b'"epoch": 1'))
    with pytest.raises(BadKeys):
        keys.load(folder).subjects.of("school", "bob")
    (folder / "log.key").chmod(0o644)
    with pytest.raises(BadKeys):
        keys.load(folder)


WRITER = """
import sys, time
from pathlib import Path
from audit import keys
from audit.log import Log
from audit.record import Entry, Kind
home, run = Path(sys.argv[1]), sys.argv[2]
log = Log.open(home / "audit" / "exchange-0", keys.load(home / "keys"))
for n in range(10**6):
    fields = {"n": 0, "action": "ALLOW", "category": None, "score_ppm": 0}
    batch = [Entry(Kind.window, f"{run}-{n}-{i}", 1, "school", f"s{n % 7}", fields, "text") for i in range(3)]
    for receipt in log.append(batch):
        print(receipt.request_id, receipt.idx, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(world):
    acked = {}
    for run in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(world.home), str(run)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        lines = [writer.stdout.readline() for _ in range(6)]
        time.sleep(0.15 + run * 0.05)
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.communicate()[0].splitlines()
        acked |= dict(line.split() for line in lines if len(line.split()) == 2)
    stored = {}
    log = world.open()
    while leaves := log.tail(len(stored) + 1):
        stored |= {leaf["request_id"]: str(leaf["idx"]) for leaf in leaves}
    assert len(acked) > 20
    assert acked.items() <= stored.items()
    assert world.verify()[0] == 0


def test_every_error_travels(world):
    from audit import errors

    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, AuditError):
            assert str(pickle.loads(pickle.dumps(kind("why")))) == "why", name  # noqa: S301
