"""What a writer must not believe: names that are free again, files that are not yet durable, deletions that failed.

Each was found by the state machine of tests/property/audit or by reading for it, and is shown here by itself.
"""

from contextlib import suppress

import pytest

from audit import disk, upkeep
from audit.errors import Unavailable
from audit.memory import Memory
from audit.prune import prune
from audit.record import Entry
from audit.store import LocalStore
from audit.upkeep import pack_all


@pytest.fixture
def small(world, monkeypatch):
    """Tiers of few records, so that what another writer adds is soon packed."""
    monkeypatch.setattr(upkeep, "TIERS", (4, 40, 400))
    return world


def append(log, world, *names: str):
    """One commit each."""
    return [log.append([world.request(name)])[0] for name in names]


def killed_after_create(log, entries: list[Entry], monkeypatch) -> None:
    """The process ends when its file is there, before it looks back."""

    def killed(memory: Memory) -> bool:
        raise OSError(5, "killed")

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "is_overtaken", killed)
        with pytest.raises(Unavailable):
            log.append(entries)


def test_what_an_overtaken_writer_left_hides_from_no_other_that_it_was_overtaken(small, monkeypatch):
    early, late, fast = small.open(), small.open(), small.open()
    append(fast, small, "r0")
    late.tail(0)
    append(fast, small, *(f"more-{n}" for n in range(6)))
    assert pack_all(fast)
    assert (early.size, late.size) == (1, 2)
    killed_after_create(early, [small.request("early")], monkeypatch)
    assert late.memory.last.start == early.size
    assert small.segments()[0].name == f"{late.memory.last.start:020}.parquet"  # another under the name of its last
    (receipt,) = append(late, small, "late")
    assert receipt.idx == fast.size
    assert small.verify()[0] == 0
    assert [leaf["request_id"] for leaf in small.open().tail(1)][0] == "r0"


def test_what_an_overtaken_writer_left_in_a_pruned_log_is_swept(small, monkeypatch):
    slow, fast = small.open(), small.open()
    append(fast, small, *(f"r{n}" for n in range(6)))
    start, end = prune(fast, fast.memory.end.ts, "retention")
    assert (start, fast.memory.reader.files[0].start) == (0, end)
    killed_after_create(slow, [small.request("slow")], monkeypatch)
    assert small.segments()[0].name == f"{1:020}.parquet"
    assert small.verify()[0] == 0
    reopened = small.open()
    pack_all(reopened)
    assert small.segments()[0].name != f"{1:020}.parquet"
    (receipt,) = append(reopened, small, "slow")
    assert receipt.idx > end
    assert small.verify()[0] == 0


def test_what_another_writer_linked_is_synced_before_it_is_acknowledged(world, monkeypatch):
    """Every file of his: he may be between the link and the sync of the folder of each."""
    one, two = world.open(), world.open()
    entries = [world.request(f"r{n}") for n in range(3)]
    with monkeypatch.context() as failing:
        failing.setattr(disk, "sync_folder", lambda folder: (_ for _ in ()).throw(OSError(5, "EIO")))
        for entry in entries:
            with suppress(Unavailable):
                one.append([entry])
            one.memory.adopt.__self__.end  # noqa: B018
    assert world.segments()
    synced = []
    real = Memory._take
    settle = LocalStore.settle
    monkeypatch.setattr(LocalStore, "settle", lambda self, name: (synced.append(name), settle(self, name)))
    monkeypatch.setattr(Memory, "_take", lambda self, it: (synced.append(it.start), real(self, it)))
    two.tail(0)
    assert synced == ["seg", 1]
