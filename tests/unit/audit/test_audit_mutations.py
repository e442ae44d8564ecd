"""Each safeguard of a commit is taken away once: the check that passes with it must fail without it."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audit import disk, segment, upkeep
from audit.errors import AuditError
from audit.memory import Memory
from audit.recent import Recent
from audit.upkeep import pack_all


@dataclass
class PowerLoss:
    """A folder of which only what was synced outlasts a crash: bytes by fsync of the file, names by that of the folder.

    What is there at the start is durable.
    """

    folder: Path
    files: set[int] = field(default_factory=set)
    names: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = self._present()
        self.files = {inode for _, inode in self.names}

    def watch(self, monkeypatch) -> None:
        """From now on see what is synced."""
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path == self.folder:
                self.names = self._present()
            elif path.parent == self.folder:
                self.files.add(path.stat().st_ino)

        monkeypatch.setattr(os, "fsync", fsync)

    def strike(self) -> None:
        """The machine loses power and comes back."""
        for name, inode in self._present():
            if (name, inode) not in self.names:
                (self.folder / name).unlink()
            elif inode not in self.files:
                os.truncate(self.folder / name, 0)

    def _present(self) -> set[tuple[str, int]]:
        return {(path.name, path.stat().st_ino) for path in self.folder.iterdir()}


def outlasts_a_power_loss(world, monkeypatch) -> None:
    """What was acknowledged is there after a crash."""
    log, power = world.open(), PowerLoss(world.root / "exchange-0" / "seg")
    with monkeypatch.context() as watched:
        power.watch(watched)
        (receipt,) = log.append([world.request("r1")])
    power.strike()
    assert [leaf["request_id"] for leaf in world.open().tail(receipt.idx)] == ["r1"]
    assert world.verify()[0] == 0


def two_writers_share_no_index(world, monkeypatch) -> None:
    """Both want the next index; each record is in the log once."""
    one, two = world.open(), world.open()
    receipts = [log.append([world.request(f"r{n}")])[0] for n, log in enumerate((one, two))]
    assert [receipt.idx for receipt in receipts] == [1, 2]
    assert [leaf["request_id"] for leaf in world.open().tail(1)] == ["r0", "r1"]
    assert world.verify()[0] == 0


def publishes_nothing_damaged(world, monkeypatch) -> None:
    """A bit flips in what is to be published: that is never published, and the log goes on."""
    log, real = world.open(), segment.encode
    with monkeypatch.context() as faulty:
        faulty.setattr(segment, "encode", lambda *given: flipped(real(*given)))
        with pytest.raises(AuditError):
            log.append([world.request("r1")])
    assert len(world.segments()) == 1
    assert log.append([world.request("r1")])[0].idx == 1
    assert world.verify()[0] == 0


def goes_on_where_the_log_is(world, monkeypatch) -> None:
    """The segment on which a writer rests was packed away, and the name behind it is free again."""
    monkeypatch.setattr(upkeep, "TIERS", (4, 40, 400))
    slow, fast = world.open(), world.open()
    slow.append([world.request("r0")])
    for number in range(6):
        fast.append([world.request(f"fast-{number}")])
    assert pack_all(fast)
    assert f"{slow.size:020}.parquet" not in world.names("exchange-0/seg")
    before = fast.size
    (receipt,) = slow.append([world.request("r1")])
    assert receipt.idx == before
    assert [leaf["idx"] for leaf in world.open().tail(0)] == list(range(before + 1))
    assert world.verify()[0] == 0


def stores_a_retry_once(world, monkeypatch) -> None:
    """The same record again gets the same place, also after a restart."""
    log, entry = world.open(), world.request("r1")
    first = log.append([entry])[0]
    assert [writer.append([entry])[0].idx for writer in (log, world.open())] == [first.idx] * 2
    assert log.size == 2
    assert world.verify()[0] == 0


def flipped(data: bytes) -> bytes:
    """With another bit in its middle; twice gives the same again."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def without_sync_of_the_file(monkeypatch) -> None:
    monkeypatch.setattr(disk, "_write", lambda path, data, mode: path.write_bytes(data))


def without_sync_of_the_folder(monkeypatch) -> None:
    monkeypatch.setattr(disk, "sync_folder", lambda folder: None)


def without_exclusive_creation(monkeypatch) -> None:
    def create(path: Path, data: bytes, mode: int = 0o644) -> bool:
        fresh = path.with_name(f"{disk.TEMPORARY}{secrets.token_hex(8)}")
        disk._write(fresh, data, mode)
        fresh.replace(path)
        disk.sync_folder(path.parent)
        return True

    monkeypatch.setattr(disk, "create", create)


def without_self_check(monkeypatch) -> None:
    """It sees what was meant, not what will be published."""
    real = segment.decode
    monkeypatch.setattr(segment, "decode", lambda data, ring, start: real(flipped(bytes(data)), ring, start))


def without_the_look_back(monkeypatch) -> None:
    monkeypatch.setattr(Memory, "is_overtaken", lambda self: False)


def without_the_idempotency_key(monkeypatch) -> None:
    monkeypatch.setattr(Recent, "admit", lambda self, leaf: None)


Check = Callable[..., None]
GUARDS: list[tuple[Check, Callable[..., None]]] = [
    (outlasts_a_power_loss, without_sync_of_the_file),
    (outlasts_a_power_loss, without_sync_of_the_folder),
    (two_writers_share_no_index, without_exclusive_creation),
    (publishes_nothing_damaged, without_self_check),
    (goes_on_where_the_log_is, without_the_look_back),
    (stores_a_retry_once, without_the_idempotency_key),
]


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _ in GUARDS))
def test_the_safeguard_holds(world, monkeypatch, check):
    assert check(world, monkeypatch) is None


@pytest.mark.parametrize(("check", "mutate"), GUARDS)
def test_without_it_the_check_fails(world, monkeypatch, check, mutate):
    world.open().tag("school", "ada")  # the mutant is the log's, not the key store's
    mutate(monkeypatch)
    with pytest.raises((AssertionError, AuditError, pytest.fail.Exception)):
        check(world, monkeypatch)
