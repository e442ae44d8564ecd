"""Conditions: a record that is taken only while the state it rests on is the last. Also against moto's S3."""

import threading
from uuid import uuid4

import pytest

from audit import memory, upkeep
from audit.errors import BadEntry, NotLast
from audit.log import Receipt
from audit.record import Entry, Kind
from audit.state import NEVER, State, state_key
from audit.upkeep import pack_all

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
DIGEST = "d" * 64


def policy(version: str, if_last: tuple[str, int] | None = None) -> Entry:
    fields = {"policy_digest": version * 64, "guard_digest": DIGEST, "terms_digest": DIGEST}
    return Entry(Kind.policy, str(uuid4()), 0, "", "", fields, actor="operator", if_last=if_last)


def grant(jti: str, if_last: tuple[str, int] | None = None) -> Entry:
    return Entry(
        Kind.grant, str(uuid4()), 0, "school", "ada", {"jti": jti, "role": "learner", "expires_us": 9}, if_last=if_last
    )


@EVERYWHERE
def test_a_condition_holds_once(world):
    log = world.open("control")
    (first,) = log.append([policy("a", ("policy", NEVER))])
    (late,) = log.append([policy("b", ("policy", NEVER))])
    assert isinstance(late, NotLast)
    assert str(late) == f"policy: expected record -1 to be the last, found {first.idx}"
    (second,) = log.append([policy("c", ("policy", first.idx))])
    assert isinstance(second, Receipt)
    (stale,) = world.open("control").append([policy("d", ("policy", first.idx))])
    assert isinstance(stale, NotLast)
    assert world.verify()[0] == 0


def test_conditions_within_one_commit_see_each_other_and_fail_alone(world):
    log = world.open("control")
    results = log.append(
        [
            policy("a", ("policy", NEVER)),
            policy("b", ("policy", NEVER)),
            grant("one", ("grant/one", NEVER)),
            policy("c"),
        ]
    )
    assert [type(result) for result in results] == [Receipt, NotLast, Receipt, Receipt]
    assert [type(result) for result in log.append([policy("d", ("policy", results[3].idx))])] == [Receipt]


def test_a_retry_of_what_was_taken_gets_its_receipt_though_the_condition_no_longer_holds(world):
    log = world.open("control")
    entry = policy("a", ("policy", NEVER))
    (first,) = log.append([entry])
    log.append([policy("b")])
    assert log.append([entry]) == [first] == world.open("control").append([entry])


@EVERYWHERE
def test_of_writers_that_compete_one_wins_each_round(world):
    """Two writers of one log, each resting on the same last record, at the same time."""
    logs, won = (world.open("control"), world.open("control")), []
    last = NEVER
    for turn in range(5):
        start, results = threading.Barrier(2), [None, None]

        def compete(number: int, last: int = last, start=start, results=results, turn: int = turn) -> None:
            start.wait()
            (results[number],) = logs[number].append([policy(f"{turn}", ("policy", last))])

        threads = [threading.Thread(target=compete, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [result for result in results if isinstance(result, Receipt)]
        assert [type(result) for result in results if result not in winners] == [NotLast]
        (winner,) = winners
        last = winner.idx
        won.append(last)
    kept = [leaf["idx"] for leaf in world.open("control").tail(0) if leaf["kind"] == "policy"]
    assert kept == won


def test_states_are_found_in_old_files_and_in_packs(world, monkeypatch):
    log = world.open("control")
    (old,) = log.append([grant("old")])
    for number in range(20):
        log.append([grant(f"g{number}")])
    monkeypatch.setattr(upkeep, "TIERS", (8, 10_000, 100_000))
    monkeypatch.setattr(upkeep, "RECENT_RECORDS", 4)
    monkeypatch.setattr(memory, "RECENT_RECORDS", 4)
    assert pack_all(log) > 0
    log = world.open("control")
    revoke = Entry(Kind.revocation, str(uuid4()), 0, "", "", {"jti": "old"}, if_last=("grant/old", old.idx))
    assert isinstance(log.append([revoke])[0], Receipt)
    assert isinstance(log.append([grant("old", ("grant/old", old.idx))])[0], NotLast)


def test_a_condition_that_is_none_is_refused():
    for bad in ("policy", ["policy"], ["policy", "1"], [1, 2], ["policy", 1, 2], {"policy": 1}):
        with pytest.raises(BadEntry, match=r"if_last: expected \[key, index\]"):
            Entry.from_json(policy("a").to_json() | {"if_last": bad})
    entry = policy("a", ("policy", 3))
    assert Entry.from_json(entry.to_json()) == entry


@pytest.mark.parametrize(
    ("kind", "fields", "key"),
    [
        ("policy", {}, "policy"),
        ("promotion", {"name": "tutor"}, "promotion/tutor"),
        ("grant", {"jti": "1"}, "grant/1"),
        ("revocation", {"jti": "1"}, "grant/1"),
        ("review", {"about": "r1"}, "review/r1"),
        ("alert", {"about": None}, None),
        ("erase", {"subject": "t"}, "erase/t"),
        ("epoch_ack", {"subject": "t"}, "epoch_ack/t"),
        ("key", {}, "key"),
        ("tick", {}, None),
    ],
)
def test_which_state_a_record_changes(kind, fields, key):
    assert state_key({"kind": kind, "fields": fields}) == key


def test_a_fork_keeps_its_changes_and_older_records_do_not_overwrite():
    base, leaf = State(), {"kind": "policy", "fields": {}}
    fork = base.fork()
    fork.add(leaf | {"idx": 7})
    assert (fork.last("policy"), base.last("policy")) == (7, NEVER)
    fork.fill([leaf | {"idx": 3}, {"kind": "grant", "fields": {"jti": "a"}, "idx": 4}])
    assert (fork.last("policy"), fork.last("grant/a")) == (7, 4)
