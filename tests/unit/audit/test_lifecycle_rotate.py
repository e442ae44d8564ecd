"""The signing key changes: while others write, after any kill, for holders of the old key. Also against moto's S3."""

import contextlib
import os
import threading

import pytest

from audit import keys
from audit import rotate as command
from audit.erasure import erase
from audit.errors import BadKeys, BadNote
from audit.keyring import KeyRing, parse_ring, read_ring
from audit.log import Log
from audit.proof import check_receipt
from audit.rotate import rotate
from audit.upkeep import Upkeep, pack_all, run_once

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)


def held(world, name: str) -> object:
    """A verifier key file of the root, kept outside."""
    path = world.home / f"outside-{name}"
    path.write_bytes(bytes(world.store.read(name)))
    return path


def proof(world, receipt) -> object:
    path = world.home / f"receipt-{receipt.idx}"
    path.write_text(receipt.proof)
    return path


@EVERYWHERE
def test_receipts_from_before_and_after_hold_under_the_chain(world):
    founding = held(world, "log.vkey")
    (before,) = world.open().append([world.request("before")])
    ring = rotate(world.address, world.keys)
    chain = held(world, "log-2.vkey")
    assert parse_ring(chain.read_bytes()) == ring == read_ring(world.store)
    assert (len(ring.keys), ring.extends(parse_ring(founding.read_bytes()))) == (2, True)
    (after,) = world.open().append([world.request("after")])
    old, new = proof(world, before), proof(world, after)
    for key in (founding, chain):
        assert world.verify(world.address, "--key", key, "--receipt", old)[0] == 0
        assert world.verify("--key", key, "--receipt", old)[0] == 0
    assert world.verify("--key", chain, "--receipt", new)[0] == 0
    assert world.verify(world.address, "--key", chain, "--receipt", old, "--receipt", new)[0] == 0
    again = world.open()
    assert check_receipt(again.receipt("before")[0].proof, ring).index == before.idx
    assert [leaf["kind"] for leaf in again.tail(1)] == ["request", "key", "request"]


def test_an_old_key_file_by_itself_says_that_it_does_not_know_the_new_key(world):
    """Beside the root it does: the chain lies there, endorsed by the old key."""
    founding = held(world, "log.vkey")
    rotate(world.root, world.keys)
    (after,) = world.open().append([world.request("after")])
    code, report = world.verify("--key", founding, "--receipt", proof(world, after))
    assert (code, report["receipts"][0]["valid"]) == (1, False)
    assert "not signed by" in report["first_bad"]["reason"]
    assert world.verify(world.root, "--key", founding, "--receipt", proof(world, after))[0] == 0
    (world.root / "log-2.vkey").unlink()
    assert world.verify(world.root, "--key", founding)[0] == 1


def test_a_chain_that_the_old_key_did_not_endorse_is_refused(world, tmp_path):
    rotate(world.root, world.keys)
    path = world.root / "log-2.vkey"
    good = path.read_text()
    first, second = good.splitlines()
    stranger = keys.create(tmp_path / "stranger")
    ring = KeyRing.parse(f"{first}\n")
    with pytest.raises(BadNote):
        ring.endorse(parse_ring(good.encode()).keys[1], stranger.signer)
    for bad in (f"{first}\n{second[:-4]}AAA=\n", f"{second.split()[0]}\n", f"{good}{second}\n", first):
        path.write_text(bad)
        assert world.verify()[0] == 1
    path.write_text(good)
    assert world.verify()[0] == 0


@EVERYWHERE
@pytest.mark.timeout(60)
def test_writers_that_run_follow_the_rotation(world):
    log, other, stop, receipts, errors = world.open(), world.open("control"), threading.Event(), [], []

    def append() -> None:
        try:
            while not stop.is_set():
                receipts.extend(log.append([world.request(f"r{len(receipts)}")]))
                stop.wait(0.1 if world.url else 0.02)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=append)
    thread.start()
    for number in (2, 3):
        assert len(rotate(world.address, world.keys).keys) == number
        assert world.verify()[0] == 0
    stop.set()
    thread.join()
    assert errors == []
    receipts += log.append([world.request("last")])
    other.tick(4_000_000_000_000_000)
    ring = read_ring(world.store)
    assert {check_receipt(receipt.proof, ring).head.origin for receipt in receipts} == {log.origin}
    assert [receipt.idx for receipt in receipts] == sorted({receipt.idx for receipt in receipts})
    assert (world.verify()[0], log.memory.end.key, other.memory.end.key) == (0, 2, 2)


def test_the_old_private_key_may_go(world, tmp_path):
    log = world.open()
    receipts = log.append(world.exchange("r1", "text"))
    rotate(world.root, world.keys)
    (tmp_path / "keys" / "log.key").unlink()
    assert keys.load(tmp_path / "keys").public == read_ring(world.store).keys[-1].public
    log = world.open()
    log.append([world.request("after")])
    assert [receipt.idx for receipt in log.receipt("r1")] == [receipt.idx for receipt in receipts]
    assert run_once(Upkeep(log), log.memory.reader.files[:-1]), "old segments are packed under the new key"
    erase(world.root, world.keys, "school", "ada")
    rotate(world.root, world.keys)
    assert world.verify()[0] == 0


def test_without_the_key_in_force_nothing_is_written(world, tmp_path):
    log = world.open()
    rotate(world.root, world.keys)
    (tmp_path / "keys" / "log-2.key").rename(tmp_path / "taken")
    for attempt in (lambda: Log.open(world.root / "exchange-0", world.keys), lambda: log.append([world.request("r1")])):
        with pytest.raises(BadKeys, match="key that signs this log"):
            attempt()
    (tmp_path / "taken").rename(tmp_path / "keys" / "log-2.key")
    assert log.append([world.request("r1")])[0].idx == 2


def test_what_the_old_key_signs_after_it_was_retired_is_refused(world, tmp_path):
    """A thief of the retired key cannot go on."""
    from audit import segment
    from audit.draft import draft_entry

    thief = keys.load(tmp_path / "keys").signers[0]
    rotate(world.root, world.keys)
    log = world.open()
    draft = draft_entry(log.origin, world.request("forged"), world.keys.subjects)
    leaf = draft.leaf(log.size, log.memory.end.ts, log.memory.end.seal)
    data = segment.encode(log.origin, log.memory.end.frontier, [draft.row(leaf)], thief)
    path = world.root / "exchange-0" / "seg" / f"{log.size:020}.parquet"
    path.write_bytes(data)
    code, report = world.verify()
    assert (code, report["first_bad"]["reason"]) == (1, "signed by a key that is not in force here")
    path.unlink()
    assert world.verify()[0] == 0


class Killed(BaseException):
    """The process is gone: nothing handles it."""


@pytest.mark.parametrize("steps", range(21))
def test_a_rotation_that_was_killed_at_any_step_is_finished_by_repeating(world, steps, monkeypatch):
    (before,) = world.open().append([world.request("before")])
    left = steps

    def mortal(real):
        def step(*arguments, **more):
            nonlocal left
            if left <= 0:
                raise Killed
            left -= 1
            return real(*arguments, **more)

        return step

    material = world.keys
    with monkeypatch.context() as killed, contextlib.suppress(Killed):
        for name in ("link", "fsync", "unlink"):
            killed.setattr(os, name, mortal(getattr(os, name)))
        rotate(world.root, material)
    assert world.verify()[0] == 0
    log = world.open()
    log.append([world.request("between")])
    assert world.verify()[0] == 0
    ring = rotate(world.root, world.keys)
    assert len(ring.keys) in (2, 3)
    assert {world.open(name).memory.end.key for name in ("control", "exchange-0")} == {len(ring.keys) - 1}
    (after,) = log.append([world.request("after")])
    assert {check_receipt(receipt.proof, ring).head.origin for receipt in (before, after)} == {log.origin}
    assert world.verify()[0] == 0


@EVERYWHERE
def test_packs_across_a_rotation_verify(world):
    log = world.open()
    for turn in range(3):
        log.append([world.request(f"r{turn}")])
        rotate(world.address, world.keys)
        log.append([world.request(f"s{turn}")])
    assert run_once(Upkeep(log), log.memory.reader.files[:-1])
    assert world.verify()[0] == 0
    again = world.open()
    assert pack_all(again) == 0
    again.append([world.request("after")])
    assert world.verify()[0] == 0


def test_the_command_prints_the_chain(world, capsys):
    arguments = [str(world.root), "--keys", str(world.home / "keys")]
    assert command.main(arguments) == 0
    assert capsys.readouterr().out == (world.root / "log-2.vkey").read_text()
    (world.home / "keys" / "log-2.key").chmod(0o640)
    assert command.main(arguments) == 2
    assert "not rotated; repeat the command: log-2.key: expected no access for others" in capsys.readouterr().err
