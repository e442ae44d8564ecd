"""Logs in an object store: the tests of the writer again, and what only such a store can do to a log.

The store is moto's S3 server. Not tried: AWS S3 itself, Google Cloud Storage, Azure; real latency and throttling; and
what depends on a bucket's settings (versioning, object lock, life cycle rules).
"""

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest
from test_audit_log import (
    test_a_bad_entry_never_fails_its_neighbours,
    test_a_retry_gets_the_stored_receipt_and_another_content_a_conflict,
    test_a_tick_closes_what_is_past_its_deadline_also_after_a_restart,
    test_nothing_follows_a_closing_record_and_no_gap_is_taken,
    test_old_receipts_are_found_by_the_time_in_the_id,
    test_one_batch_may_hold_the_same_record_twice,
    test_time_never_runs_backwards,
    test_two_writers_lose_nothing,
)
from test_audit_verify import filled, test_a_log_that_is_being_written_and_packed_is_valid

from audit import erase as erase_command
from audit import init, keystore, prune, rotate
from audit.errors import AlreadyBegun, BadRoot, Unavailable
from audit.log import Log
from audit.record import Entry, Kind

REPOSITORY = Path(__file__).resolve().parents[3]
AGAIN = (
    filled,
    test_a_bad_entry_never_fails_its_neighbours,
    test_a_log_that_is_being_written_and_packed_is_valid,
    test_a_retry_gets_the_stored_receipt_and_another_content_a_conflict,
    test_a_tick_closes_what_is_past_its_deadline_also_after_a_restart,
    test_nothing_follows_a_closing_record_and_no_gap_is_taken,
    test_old_receipts_are_found_by_the_time_in_the_id,
    test_one_batch_may_hold_the_same_record_twice,
    test_time_never_runs_backwards,
    test_two_writers_lose_nothing,
)


@pytest.fixture
def world(begin, url):
    """In this file all roots lie in a bucket."""
    return begin(url)


def segments(world) -> list[str]:
    return [f"exchange-0/seg/{name}" for name in world.names("exchange-0/seg")]


def test_what_is_cut_swapped_or_flipped_is_found(filled):
    names, files = segments(filled), filled.files()
    for at, name in enumerate(names):
        data = files[name]
        filled.store.delete(name)
        assert filled.verify()[0] == 1, name
        for bad in (
            data[:-1],
            data + b"\0",
            files[names[at - 1]],
            b"",
            bytes([data[9] ^ 1]).join((data[:9], data[10:])),
        ):
            filled.put(name, bad)
            code, report = filled.verify()
            assert (code, report["first_bad"]["file"]) == (1, name)
        filled.put(name, data)
    assert filled.verify()[0] == 0
    assert filled.verify(filled.address, "--jobs", "2")[0] == 0


def test_a_root_begins_once_and_only_where_there_is_nothing(world, url, tmp_path):
    with pytest.raises(AlreadyBegun):
        init.begin(url, tmp_path / "keys", "test", 1)
    with pytest.raises(BadRoot, match=r"exchange-7: expected a log begun by audit\.init"):
        world.open("exchange-7")
    elsewhere = url.replace("/audit", "/other")
    with pytest.raises(BadRoot):
        Log.open(f"{elsewhere}/control", world.keys)
    assert world.verify(elsewhere)[0] == 2
    world.store.create("keep/out", b"x")
    assert world.verify()[0] == 0


def test_the_commands_take_urls(world, url, capsys):
    world.open().append(world.exchange("r1", "text"))
    folder = str(world.home / "keys")
    assert rotate.main([url, "--keys", folder]) == 0
    arguments = ["--keys", folder, "--tenant", "school", "--subject", "ada"]
    assert erase_command.main([url, *arguments]) == 0
    assert prune.main([url, "--keys", folder, "--log", "exchange-0", "--days", "1"]) == 0
    assert init.main([url.replace("/audit", "/other"), "--keys", folder]) == 0
    capsys.readouterr()
    assert keystore.main(["backup", folder, str(world.home / "saved")]) == 0
    assert keystore.main(["restore", str(world.home / "saved"), str(world.home / "again"), "--root", url]) == 0
    assert world.verify()[0] == 0


def test_a_store_that_cannot_keep_writers_apart_is_refused(world, s3, url):
    def meddle(request, carry_out, _):
        request.pop("HTTP_IF_NONE_MATCH", None)
        return carry_out()

    s3.meddle = meddle
    for refused in (world.open, lambda: init.begin(f"{url}-2", world.home / "keys", "test", 1)):
        with pytest.raises(BadRoot, match="expected create-if-absent"):
            refused()
    s3.meddle = None
    assert dataclasses.replace(world, url=f"{url}-2").files() == {}


def is_commit(request) -> bool:
    return request["REQUEST_METHOD"] == "PUT" and "/exchange-0/seg/" in request["PATH_INFO"]


def refuse(start_response):
    start_response("403 Forbidden", [("Content-Length", "0")])
    return [b""]


def test_a_commit_that_was_stored_but_refused_is_acknowledged(world, s3):
    log = world.open()

    def meddle(request, carry_out, start_response):
        if not is_commit(request):
            return carry_out()
        carry_out()
        return refuse(start_response)

    s3.meddle = meddle
    (receipt,) = log.append([world.request("r1")])
    s3.meddle = None
    assert world.open().receipt("r1") == [receipt]
    assert world.verify()[0] == 0


def test_a_commit_that_is_stored_late_is_found_by_its_retry(world, s3):
    """The answer is no, and looking finds nothing; the object appears when nobody waits for it any more."""
    log, late = world.open(), []

    def meddle(request, carry_out, start_response):
        if is_commit(request) and not late:
            body = request["wsgi.input"].read(int(request["CONTENT_LENGTH"]))
            late.append(request | {"wsgi.input": io.BytesIO(body)})
            return refuse(start_response)
        return carry_out()

    s3.meddle = meddle
    entries = [world.request("r1"), world.window("r1", 0, "text")]
    with pytest.raises(Unavailable, match="object store"):
        log.append(entries)
    assert log.size == 1
    list(s3.app(late[0], lambda *_: None))
    assert [receipt.idx for receipt in log.append(entries)] == [1, 2]
    assert [receipt.idx for receipt in log.append([world.request("r2")])] == [3]
    assert world.verify()[0] == 0


def test_a_store_that_is_away_refuses_and_nothing_is_lost_when_it_is_back(world, s3):
    log = world.open()
    log.append([world.request("r1")])
    s3.meddle = lambda request, carry_out, start_response: refuse(start_response)
    for attempt in (lambda: log.append([world.request("r2")]), lambda: log.tail(0), lambda: log.tick(0)):
        with pytest.raises(Unavailable):
            attempt()
    s3.meddle = None
    assert log.append([world.request("r2")])[0].idx == 2
    assert world.verify()[0] == 0


def test_one_commit_is_few_requests(world, s3):
    """What an object store charges for, and waits for."""
    log, seen = world.open(), []
    log.append([world.request("r0")])

    def meddle(request, carry_out, _):
        seen.append(request["REQUEST_METHOD"])
        return carry_out()

    s3.meddle = meddle
    log.append([world.request(f"r{number}") for number in range(1, 50)])
    assert (seen.count("PUT"), len(seen) <= 2) == (1, True)


def test_heads_are_pinned_across_logs(world):
    log = world.open()
    log.append([world.request("r1")])
    world.open("control").append([Entry.operational(Kind.head, log.head())])
    code, report = world.verify()
    assert (code, [one["size"] for one in report["logs"]]) == (0, [3, 2])


def test_the_import_of_the_audit_package_loads_no_object_store():
    """It is needed only where a root is a URL."""
    program = "import audit.log, audit.verify, sys; print('obstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_verdict_is_the_same_from_a_copy_on_disk(world, tmp_path):
    world.open().append(world.exchange("r1", "text"))
    for name, data in world.files().items():
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert world.verify(tmp_path / "copy") == world.verify()
