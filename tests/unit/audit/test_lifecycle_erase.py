"""Erasing a person: no file keeps the text, nothing links to them, all proofs hold; races and kills change nothing.

On an object store the same, against moto's server; a bucket that keeps old versions would keep the text.
"""

import contextlib
import dataclasses
import json
import os
import threading
from uuid import uuid4

import pytest

from audit import content, upkeep
from audit import erase as command
from audit.erasure import erase, settle
from audit.errors import BadRoot, Unavailable
from audit.folder import log_names
from audit.keyring import read_ring
from audit.keys import SubjectKeys
from audit.proof import check_receipt
from audit.record import Entry, Kind
from audit.segment import decode
from audit.upkeep import Upkeep, pack_all

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
LOGS = ("control", "exchange-0")


def people(world, log, count: int = 3) -> list:
    """Requests of ada, and of bob; the receipts."""
    entries = []
    for number in range(count):
        entries += world.exchange(f"ada-{number}", f"one {number}", "two")
        entries.append(dataclasses.replace(world.request(f"bob-{number}"), subject="bob"))
    return log.append(entries)


def cells(world, tag: str) -> set[bytes]:
    """The ciphertexts that the segments of a root hold under a tag."""
    found, ring = set(), read_ring(world.store)
    for name in LOGS:
        own = ring.sibling(f"{ring.keys[0].family}/{name}")
        for file in world.names(f"{name}/seg"):
            segment = decode(world.store.read(f"{name}/seg/{file}"), own, int(file[:20]))
            pairs = zip(segment.rows, segment.leaves, strict=True)
            found |= {row.content for row, leaf in pairs if leaf["subject"] == tag and row.content is not None}
    return found


def check_gone(world, tag: str, ciphertexts: set[bytes]) -> None:
    """No file holds a ciphertext, no key file gives the tag, and the root is valid."""
    assert ciphertexts
    files = world.files()
    assert [name for name, data in files.items() if any(cell in data for cell in ciphertexts)] == []
    store = SubjectKeys.load(world.home / "keys")
    assert store.by_tag("school", tag) is None
    for path in (world.home / "keys").glob("[st]*/*"):
        assert store.unwrap(path.read_bytes())[1].tag("school") != tag
    assert world.verify()[0] == 0


def check_receipts(world, receipts, ring) -> None:
    """Receipts from before hold by themselves and against the root."""
    for number, receipt in enumerate(receipts):
        assert check_receipt(receipt.proof, ring).index == receipt.idx
        path = world.home / f"receipt-{number % 3}"
        path.write_text(receipt.proof)
    arguments = [part for number in range(3) for part in ("--receipt", world.home / f"receipt-{number}")]
    assert world.verify(world.address, *arguments)[0] == 0


@EVERYWHERE
def test_after_the_erasure_no_file_holds_the_text_and_all_proofs_hold(world):
    log = world.open()
    receipts = people(world, log)
    control = world.open("control")
    appeal = Entry(Kind.appeal, str(uuid4()), 0, "school", "ada", {"about": "ada-0"}, "I object")
    receipts += control.append([appeal])
    tag, ciphertexts = receipts[0].subject, cells(world, receipts[0].subject)
    assert len(ciphertexts) == 10
    before = {name: world.open(name).size for name in LOGS}
    done = erase(world.address, world.keys, "school", "ada")
    assert (done.tag, done.epoch, done.logs, done.packs) == (tag, 0, LOGS, 2)
    check_gone(world, tag, ciphertexts)
    check_receipts(world, receipts, read_ring(world.store))
    for name in LOGS:
        leaves = world.open(name).tail(0)
        assert [leaf["idx"] for leaf in leaves[: before[name]]] == list(range(before[name]))
        assert sum(leaf["subject"] == tag for leaf in leaves) == sum(
            r.subject == tag for r in receipts if name in r.origin
        )
    log = world.open()
    assert [check_receipt(r.proof, read_ring(world.store)).salt for r in log.receipt("ada-0")] == [None] * 4
    opened = content.open(world.address, world.home / "keys", "ada-0", reader="eve", reason="complaint")
    assert [(one.kind, one.text) for one in opened] == [
        ("request", None), ("window", None), ("window", None), ("answer", None),
    ]  # fmt: skip
    (kept,) = content.open(world.address, world.home / "keys", "bob-0", reader="eve", reason="complaint")
    assert kept.text == "What is XSS?"


@EVERYWHERE
def test_text_in_packs_is_dropped_by_a_new_generation_of_those_alone(world, monkeypatch):
    monkeypatch.setattr(upkeep, "TIERS", (8, 10_000, 100_000))
    monkeypatch.setattr(upkeep, "RECENT_RECORDS", 16)
    log = world.open()
    receipts = people(world, log, 1)
    for number in range(30):
        log.append([dataclasses.replace(world.request(f"carl-{number}"), subject="carl")])
    tag, ciphertexts = receipts[0].subject, cells(world, receipts[0].subject)
    assert pack_all(log) > 1
    packs = set(world.names("exchange-0/pack"))
    erase(world.address, world.keys, "school", "ada")
    check_gone(world, tag, ciphertexts)
    check_receipts(world, receipts, read_ring(world.store))
    rewritten = packs - set(world.names("exchange-0/pack"))
    assert rewritten == {min(packs)}
    assert min(packs).replace("-000000.", "-000001.") in world.names("exchange-0/pack")


@EVERYWHERE
@pytest.mark.timeout(120)
def test_a_write_that_races_the_erasure_is_under_the_next_epoch_once_it_is_acknowledged(world):
    """The other writer was open before, and goes on appending."""
    log, stop, errors = world.open(), threading.Event(), []
    (first,) = log.append([world.request("first", "secret")])
    ciphertexts = cells(world, first.subject)

    def append() -> None:
        number = 0
        try:
            while not stop.is_set():
                for result in log.append(world.exchange(f"r{number}", "text")):
                    assert not isinstance(result, Exception), result
                number += 1
                stop.wait(0.1 if world.url else 0.02)  # as writers do between commits
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=append)
    thread.start()
    done = [erase(world.address, world.keys, "school", "ada") for _ in range(3)]
    stop.set()
    thread.join()
    assert errors == []
    leaves = world.open().tail(0, limit=100_000)
    acks = {leaf["fields"]["subject"]: leaf["idx"] for leaf in leaves if leaf["kind"] == "epoch_ack"}
    assert {one.tag for one in done} <= set(acks)
    assert [leaf["idx"] for leaf in leaves if leaf["idx"] > acks.get(leaf["subject"], leaf["idx"])] == []
    check_gone(world, first.subject, ciphertexts)
    last = log.append([world.request("last", "still here")])[0]
    assert last.subject not in acks
    assert content.open(world.address, world.home / "keys", "last", reader="eve", reason="test")[0].text == "still here"


def test_an_exchange_that_is_closed_after_the_erasure_does_not_name_the_erased_tag(world):
    log = world.open()
    (receipt,) = log.append([world.request("r1", deadline_us=10)])
    erase(world.address, world.keys, "school", "ada")
    (closed,) = log.tick(2_000_000_000_000_000)
    assert (closed.kind, closed.request_id, closed.subject) == ("interrupted", "r1", None)
    assert world.verify()[0] == 0
    assert receipt.subject


class Killed(BaseException):
    """The process is gone: nothing handles it."""


class Mortal:
    """Lets a number of durable steps happen, then none."""

    STEPS = ("link", "fsync", "replace", "unlink")

    def __init__(self, monkeypatch, steps: int) -> None:
        self.left = steps
        for name in self.STEPS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, real):
        def step(*arguments, **more):
            if self.left <= 0:
                raise Killed
            self.left -= 1
            return real(*arguments, **more)

        return step


def by_repeating(world) -> None:
    assert erase(world.address, world.keys, "school", "ada")


def by_the_writers(world) -> None:
    """Each does its upkeep twice, that of the control log last; the root is valid at each step."""
    for name in [*reversed(log_names(world.store))] * 2:
        log = world.open(name)
        settle(log)
        pack_all(log)
        assert world.verify()[0] == 0


@pytest.mark.parametrize("finish", [by_repeating, by_the_writers])
@pytest.mark.parametrize("steps", [*range(12), *range(12, 78, 6)])
def test_an_erasure_that_was_killed_at_any_step_is_finished(world, steps, finish, monkeypatch):
    receipts = people(world, world.open(), 1)
    tag, ciphertexts, material = receipts[0].subject, cells(world, receipts[0].subject), world.keys
    with monkeypatch.context() as killed, contextlib.suppress(Killed):
        Mortal(killed, steps)
        erase(world.address, material, "school", "ada")
    assert world.verify()[0] == 0
    marked = bool(SubjectKeys.load(world.home / "keys").erasures())
    finish(world)
    if marked or finish is by_repeating:
        check_gone(world, tag, ciphertexts)
        assert len(SubjectKeys.load(world.home / "keys").erasures()) == 1
    check_receipts(world, receipts, read_ring(world.store))
    (again,) = world.open().append([world.request("again")])
    assert (again.subject != tag) == (marked or finish is by_repeating)
    assert world.verify()[0] == 0


@EVERYWHERE
def test_a_pack_that_a_kill_left_without_a_record_does_not_keep_the_text(world):
    """One of the very files that the erasure rewrites, one of more than those."""
    log = world.open()
    receipts = people(world, log, 1)
    for number in range(4):
        log.append([dataclasses.replace(world.request(f"carl-{number}"), subject="carl")])
    ciphertexts, cut_off = cells(world, receipts[0].subject), Upkeep(log)
    files = log.memory.reader.files
    for run in (files[:2], files[:4]):
        assert cut_off.build(run)
    erase(world.address, world.keys, "school", "ada")
    check_gone(world, receipts[0].subject, ciphertexts)
    assert [leaf["idx"] for leaf in world.open().tail(0)] == list(range(world.open().size))


def test_a_writer_that_runs_finishes_an_erasure_that_was_killed(world, monkeypatch):
    log = world.open()
    (receipt,) = log.append([world.request("r1")])
    with monkeypatch.context() as killed, contextlib.suppress(Killed):
        Mortal(killed, 6)
        SubjectKeys.load(world.home / "keys").erase("school", "ada")
    assert (world.home / "keys" / "tags" / receipt.subject).exists()
    assert settle(log) == 1
    assert not (world.home / "keys" / "tags" / receipt.subject).exists()
    assert log.append([world.request("r2")])[0].subject != receipt.subject


def test_what_the_control_log_does_not_record_no_packer_drops(world):
    """Content that is gone without a record would look like tampering."""
    log = world.open()
    people(world, log, 1)
    log.append([world.request("more")])
    slow = Upkeep(log)
    world.keys.subjects.erase("school", "ada")
    assert slow.stale() == []
    built = slow.build(log.memory.reader.files[:-1])
    assert slow.adopt(built)
    slow.discard()
    assert world.verify()[0] == 0
    by_the_writers(world)


def test_a_root_that_is_none_costs_nobody_their_key(world):
    people(world, world.open(), 1)
    (world.home / "empty").mkdir()
    for root, error in ((world.home / "nowhere", Unavailable), (world.home / "empty", BadRoot)):
        with pytest.raises(error):
            erase(root, world.keys, "school", "ada")
    assert world.keys.subjects.erasures() == {}


def test_the_command_says_what_it_did(world, capsys):
    people(world, world.open(), 1)
    arguments = [str(world.root), "--keys", str(world.home / "keys"), "--tenant", "school", "--subject"]
    assert command.main([*arguments, "ada"]) == 0
    assert json.loads(capsys.readouterr().out)["logs"] == ["control", "exchange-0"]
    assert command.main([*arguments, "nobody"]) == 1
    assert "no such subject" in capsys.readouterr().err
    (world.home / "keys" / "kek.key").chmod(0o644)
    assert command.main([*arguments, "ada"]) == 2
    assert "not erased; repeat the command: kek.key" in capsys.readouterr().err
