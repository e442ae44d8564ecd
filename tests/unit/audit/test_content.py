"""The only way to text: who opens what is on record before it is open. Also against moto's S3."""

import dataclasses
from uuid import uuid4

import pytest
from uuid_utils import uuid7

from audit import content, disk, memory, upkeep
from audit.content import Text, record_access
from audit.erasure import erase
from audit.errors import AuditError, BadEntry, BadKeys, Unavailable, Unproven
from audit.record import Entry, Kind
from audit.upkeep import pack_all

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
FINDING = {"campaign": "c", "attack": "direct", "outcome": "passed"}


def opened(world, request_id: str, **more: str) -> list[Text]:
    asked = {"reader": "eve", "reason": "appeal 7"} | more
    return content.open(world.address, world.home / "keys", request_id, **asked)


def accesses(world) -> list[dict]:
    return [leaf for leaf in world.open("control").tail(0) if leaf["kind"] == "access"]


@EVERYWHERE
def test_text_is_opened_and_that_is_on_record(world):
    world.open().append([*world.exchange("r1", "Cross-", "site"), world.request("r2", "other")])
    windows = [Text("window", 1, "Cross-"), Text("window", 2, "site")]
    assert opened(world, "r1") == [Text("request", 0, "What is XSS?"), *windows, Text("answer", 3, None)]
    (access,) = accesses(world)
    assert access["fields"] == {"about": "r1", "records": 4}
    assert access["tenant"] == "preceptor"
    assert access["subject"] == world.open("control").tag("preceptor", "eve")
    (reason,) = opened(world, access["request_id"], reader="mallory", reason="who was it")
    assert reason == Text("access", 0, "appeal 7")
    assert [leaf["fields"]["about"] for leaf in accesses(world)] == ["r1", access["request_id"]]
    assert world.verify()[0] == 0


def test_for_a_tenant_only_what_is_its_own_is_opened_and_counted(world):
    about = str(uuid7())
    world.open().append([world.request(about, "ours")])
    theirs = Entry(Kind.finding, about, 1, "elsewhere", "mallory", FINDING, "a note")
    world.open("control").append([theirs])
    assert [text.text for text in opened(world, about, tenant=world.request("x").tenant)] == ["ours"]
    assert [text.text for text in opened(world, about, tenant="elsewhere")] == ["a note"]
    assert [text.text for text in opened(world, about)] == ["a note", "ours"]
    assert [access["fields"]["records"] for access in accesses(world)] == [1, 1, 2]
    assert opened(world, about, tenant="nobody's") == []
    assert len(accesses(world)) == 3  # nothing was opened, so nothing is on record


@EVERYWHERE
def test_text_is_found_in_packs_by_the_time_in_its_id(world, monkeypatch):
    monkeypatch.setattr(upkeep, "TIERS", (8, 10_000, 100_000))
    monkeypatch.setattr(upkeep, "RECENT_RECORDS", 4)
    monkeypatch.setattr(memory, "RECENT_RECORDS", 4)
    log, ids = world.open(), [str(uuid7()) for _ in range(12)]
    for number, request_id in enumerate(ids):
        log.append([world.request(request_id, f"question {number}")])
    pack_all(log)
    assert len(world.names("exchange-0/seg")) < 8
    assert opened(world, ids[2]) == [Text("request", 0, "question 2")]


def test_what_is_not_there_is_not_recorded(world):
    assert opened(world, "nobody") == opened(world, str(uuid7())) == []
    assert accesses(world) == []


def test_what_cannot_be_recorded_is_not_opened(world, monkeypatch):
    world.open().append([world.request("r1")])
    with pytest.raises(BadEntry, match="subject: expected a name"):
        opened(world, "r1", reader="")
    segments = world.root / "control" / "seg"
    last = sorted(segments.iterdir())[-1]
    real = disk.create

    def create(path, *more) -> bool:
        if path.parent == segments:
            raise OSError(28, "full")
        return real(path, *more)

    monkeypatch.setattr(disk, "create", create)
    with pytest.raises(Unavailable, match="full"):
        opened(world, "r1")
    monkeypatch.undo()
    assert (sorted(segments.iterdir())[-1], accesses(world)) == (last, [])


def test_an_erased_person_has_no_text_and_a_reader_may_be_erased_too(world):
    log = world.open()
    log.append([world.request("r1"), dataclasses.replace(world.request("r2", "kept"), subject="bob")])
    opened(world, "r2")
    erase(world.root, world.keys, "school", "ada")
    assert opened(world, "r1") == [Text("request", 0, None)]
    (access, _) = accesses(world)
    erase(world.root, world.keys, "preceptor", "eve")
    assert opened(world, access["request_id"], reader="mallory") == [Text("access", 0, None)]
    assert opened(world, "r2", reader="mallory") == [Text("request", 0, "kept")]
    assert world.verify()[0] == 0


def test_a_bulk_export_is_recorded_with_its_size(world):
    record_access(world.root, world.home / "keys", reader="eve", reason="audit", about=None, records=1234)
    assert accesses(world)[0]["fields"] == {"about": None, "records": 1234}


def test_without_the_keys_nothing_opens(world, tmp_path):
    world.open().append([world.request("r1")])
    (world.home / "keys" / "kek.key").chmod(0o640)
    with pytest.raises(BadKeys, match=r"kek.key: expected no access for others"):
        opened(world, "r1")
    (world.home / "keys" / "kek.key").chmod(0o600)
    (world.home / "keys" / "kek.key").write_bytes(bytes(32))
    with pytest.raises(AuditError):
        opened(world, "r1")


def test_a_cell_under_another_record_does_not_open(world):
    log = world.open()
    log.append([world.request("r1", "one"), world.request("r2", "two")])
    leaves = log.tail(1)
    rows = log.memory.last.rows
    subjects = world.keys.subjects
    assert content.text_of(leaves[0], rows[0].content, subjects) == "one"
    for leaf, cell in ((leaves[0], rows[1].content), (leaves[0] | {"seq": 1}, rows[0].content), (leaves[0], b"short")):
        with pytest.raises(Unproven):
            content.text_of(leaf, cell, subjects)
    assert content.text_of(leaves[0], None, subjects) is None


def test_text_about_a_person_in_the_control_log_opens_too(world):
    appeal = Entry(Kind.appeal, str(uuid4()), 0, "school", "ada", {"about": "r1"}, "I object")
    world.open("control").append([appeal])
    assert opened(world, appeal.request_id) == [Text("appeal", 0, "I object")]
