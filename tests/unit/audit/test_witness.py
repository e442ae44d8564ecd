"""The witness: only proven growth is cosigned, at any crash, from any number of sides, over files and over HTTP."""

import contextlib
import dataclasses
import itertools
import os
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, VerifierKey
from audit.cosignature import WitnessKey, cosigned_at
from audit.cosigner import Cosigner, Refused
from audit.errors import BadKeys, BadNote, Unavailable
from audit.heads import Heads, name_of
from audit.keyring import KeyRing
from audit.merkle import Frontier, Span, leaf_hash

ORIGIN = "test/0011223344556677/exchange-0"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey("test/0011223344556677/control", SIGNER.public_key().public_bytes_raw())
NOW = 1_700_000_000


@dataclasses.dataclass(frozen=True)
class Tree:
    """A log that is only leaves; those from `fork` on say something else."""

    fork: int = 1 << 60
    signer: Ed25519PrivateKey = SIGNER
    origin: str = ORIGIN

    def leaves(self, low: int, high: int) -> list[bytes]:
        return [leaf_hash(f"{index}{'fork' * (index >= self.fork)}".encode()) for index in range(low, high)]

    def note(self, size: int) -> str:
        return Checkpoint(self.origin, size, Frontier().extend(self.leaves(0, size)).root()).sign(self.signer)

    def grow(self, old: int, new: int) -> tuple[int, list[bytes], str]:
        """What is submitted to get `new` cosigned."""
        before = Frontier().extend(self.leaves(0, old))
        return old, Span(before, self.leaves(old, new)).consistency() if old else [], self.note(new)


LOG, FORK = Tree(), Tree(fork=8)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def wake(state: Path, *keys: VerifierKey) -> Cosigner:
    return Cosigner.open(Heads.open(state), [KeyRing((key,)) for key in keys or (KEY,)], clock=lambda: NOW)


def refusal(cosigner: Cosigner, *submission) -> tuple[int, int]:
    with pytest.raises(Refused) as refused:
        cosigner.add(*submission)
    return refused.value.status, refused.value.remembered


def evidence(state: Path) -> list[str]:
    return sorted(path.read_text().split("\n")[1] for path in state.glob("evidence-*"))


def test_consistent_growth_is_cosigned_and_remembered_over_restarts(state):
    sizes = [0, 0, 1, 7, 8, 8, 20]
    for old, new in itertools.pairwise(sizes):
        cosigner = wake(state)
        cosigned = cosigner.add(*LOG.grow(old, new))
        assert cosigned.note == LOG.note(new) + cosigned.line
        assert cosigned_at(cosigned.note, cosigner.key) == NOW
        assert wake(state).latest(ORIGIN) == cosigned
    assert [known.head.size for known in wake(state).all()] == [20]
    assert evidence(state) == []


def test_a_fork_a_rollback_and_a_replay_are_refused(state):
    cosigner = wake(state)
    cosigner.add(*LOG.grow(0, 5))
    cosigner.add(*LOG.grow(5, 10))
    before = cosigner.latest(ORIGIN)
    assert refusal(cosigner, *FORK.grow(10, 20)) == (422, 10)  # grows, but from another ten records
    assert refusal(cosigner, 10, [], LOG.note(20)) == (422, 10)  # grows without proof
    assert refusal(cosigner, *LOG.grow(0, 7)) == (409, 10)
    assert refusal(cosigner, *LOG.grow(7, 7)) == (409, 10)
    assert refusal(cosigner, *LOG.grow(5, 10)) == (409, 10)
    assert refusal(cosigner, *LOG.grow(0, 10)) == (409, 10)
    assert refusal(cosigner, 10, [], LOG.note(7)) == (400, 10)
    assert cosigner.latest(ORIGIN) == before
    assert evidence(state) == []


def test_two_roots_of_one_size_are_refused_and_kept_as_evidence(state):
    cosigner = wake(state)
    cosigner.add(*LOG.grow(0, 10))
    for _ in range(2):
        assert refusal(cosigner, 10, [], FORK.note(10)) == (422, 10)
    assert evidence(state) == ["10", "10"]
    texts = {path.read_text() for path in state.glob("evidence-*")}
    assert texts == {cosigner.latest(ORIGIN).note, FORK.note(10)}
    assert refusal(cosigner, 10, LOG.leaves(0, 1), LOG.note(10)) == (422, 10)  # a proof where none may be
    assert refusal(wake(state / "new"), 0, LOG.leaves(0, 1), LOG.note(10)) == (422, 0)
    assert refusal(wake(state / "new"), 0, [], Checkpoint(ORIGIN, 0, b"\x01" * 32).sign(SIGNER)) == (422, 0)


def test_only_signatures_of_known_keys_count(state):
    thief = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    cosigner = wake(state)
    assert refusal(cosigner, *Tree(origin="test/8899aabbccddeeff/control").grow(0, 3)) == (404, 0)
    assert refusal(cosigner, *Tree(signer=thief).grow(0, 3)) == (403, 0)
    body, _, line = LOG.note(3).rpartition("\n\n")
    spoilt = FORK.note(9).rpartition("\n\n")[2]
    assert refusal(cosigner, 0, [], f"{body}\n\n{line}{spoilt}") == (403, 0)  # one good, one bad, both by the known key
    stranger = Tree(signer=thief).note(3).rpartition("\n\n")[2]
    assert cosigner.add(0, [], f"{body}\n\n{stranger}{line}{line}").note.count("\n— ") == 2
    with pytest.raises(BadNote):
        cosigner.add(3, [], "no checkpoint")


def test_after_a_key_rotation_both_keys_are_known_and_a_mark_by_the_old_one_is_needed(state):
    new = Ed25519PrivateKey.from_private_bytes(b"\x0a" * 32)
    ring = KeyRing((KEY,)).endorse(VerifierKey(KEY.name, new.public_key().public_bytes_raw()), SIGNER)
    wake(state).add(*LOG.grow(0, 3))
    assert refusal(wake(state), *Tree(signer=new).grow(3, 5)) == (403, 0)
    rotated = dataclasses.replace(wake(state), rings=(KeyRing.parse(str(ring)),))
    assert rotated.add(*Tree(signer=new).grow(3, 5)).head.size == 5


class Killed(BaseException):
    """The process is gone."""


def test_killed_at_any_file_call_the_witness_never_shows_two_views(tmp_path, monkeypatch):
    calls = ("open", "write", "fsync", "link", "unlink", "replace")
    real = {name: getattr(os, name) for name in calls}
    left = [0]

    def patched(name, *, after):
        def call(*arguments, **more):
            left[0] -= 1
            if left[0] == 0 and not after:
                raise Killed
            result = real[name](*arguments, **more)
            if left[0] == 0:
                raise Killed
            return result

        return call

    outcomes = set()
    for after in (False, True):
        for number in range(1, 100):
            state = tmp_path / f"{after}-{number}"
            cosigner = wake(state)
            cosigner.add(*LOG.grow(0, 5))
            left[0] = number
            with monkeypatch.context() as patch:
                for name in calls:
                    patch.setattr(os, name, patched(name, after=after))
                try:
                    cosigner.add(*LOG.grow(5, 10))
                    break  # it needs fewer calls than that
                except Killed:
                    pass
            size = wake(state).latest(ORIGIN).head.size
            outcomes.add(size)
            granted = [tree for tree in (FORK, LOG) if grants(wake(state), tree, size)]
            assert granted == [FORK if size == 5 else LOG]  # and what was remembered before the kill is never undone
        assert number > 8
    assert outcomes == {5, 10}


def grants(cosigner: Cosigner, tree: Tree, size: int) -> bool:
    with contextlib.suppress(Refused):
        return cosigner.add(*tree.grow(size, 10)).head.size == 10
    return False


def recorded(name, seen):
    """A call of `os` that leaves its name."""
    real = getattr(os, name)

    def call(*arguments):
        seen.append(name)
        return real(*arguments)

    return call


def test_the_new_head_is_whole_and_synced_before_it_takes_the_place_of_the_old(state, monkeypatch):
    cosigner, seen = wake(state), []
    cosigner.add(*LOG.grow(0, 5))
    for name in ("fsync", "replace", "link"):
        monkeypatch.setattr(os, name, recorded(name, seen))
    cosigner.add(*LOG.grow(5, 10))
    assert seen == ["fsync", "link", "fsync", "replace", "fsync"]  # file, name, folder; then the new name


def test_nothing_is_released_that_could_not_be_remembered(state, monkeypatch):
    cosigner = wake(state)
    cosigner.add(*LOG.grow(0, 5))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space"):
        cosigner.add(*LOG.grow(5, 10))
    monkeypatch.undo()
    assert cosigner.add(*FORK.grow(5, 10)).head.root != LOG.note(10)  # nobody holds the other view
    assert refusal(cosigner, *LOG.grow(5, 10)) == (409, 10)


def test_of_two_views_at_once_only_one_is_cosigned(state):
    for attempt in range(10):
        cosigner, granted, ready = wake(state / str(attempt)), [], threading.Barrier(2)
        cosigner.add(*LOG.grow(0, 5))

        def offer(tree, cosigner=cosigner, granted=granted, ready=ready):
            submission = tree.grow(5, 10)
            ready.wait()
            with contextlib.suppress(Refused):
                granted.append(cosigner.add(*submission))

        threads = [threading.Thread(target=offer, args=(tree,)) for tree in (LOG, FORK)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert granted == [cosigner.latest(ORIGIN)]


def test_damaged_state_stops_the_witness_instead_of_making_it_trust_anew(state):
    wake(state).add(*LOG.grow(0, 5))
    path = state / f"{name_of(ORIGIN)}.checkpoint"
    good = path.read_bytes()
    for bad in (b"", b"\xff", good.replace(b"\n5\n", b"\n4\n"), LOG.note(4).encode()):
        path.write_bytes(bad)
        with pytest.raises(Unavailable, match="state"):
            wake(state).add(*LOG.grow(5, 6))
    (state / f"{name_of('test/0011223344556677/exchange-1')}.checkpoint").write_bytes(good)
    with pytest.raises(Unavailable, match="expected the head of"):
        wake(state).latest("test/0011223344556677/exchange-1")


def test_the_key_is_private_and_keeps_its_name(state):
    cosigner = Cosigner.open(Heads.open(state), [], "witness.example/w1")
    assert (state / "witness.key").stat().st_mode & 0o777 == 0o600
    assert WitnessKey.parse((state / "witness.vkey").read_text()) == cosigner.key
    assert wake(state).key == cosigner.key
    with pytest.raises(BadKeys, match="w2"):
        Cosigner.open(Heads.open(state), [], "witness.example/w2")
    (state / "witness.key").chmod(0o640)
    with pytest.raises(BadKeys, match="640"):
        wake(state)
    (state / "witness.key").chmod(0o600)
    (state / "witness.key").write_bytes(b"short")
    with pytest.raises(BadKeys, match="got 5"):
        wake(state)
