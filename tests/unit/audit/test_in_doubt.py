"""What a writer must not believe: names that are free again, files that are not yet durable, deletions that failed.

Each was found by the state machine of tests/property/audit or by reading for it, and is shown here by itself.
"""

import dataclasses

import pytest

from audit import disk, erasure, rotate, upkeep
from audit.errors import Unavailable
from audit.keyring import read_ring
from audit.memory import Memory
from audit.prune import prune
from audit.record import Entry
from audit.store import LocalStore
from audit.upkeep import Upkeep, pack_all


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
    assert small.open().tail(1)[0]["request_id"] == "r0"


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


def stored_in_doubt(log, world, name: str) -> None:
    """A commit whose last sync fails: the file is there, and may vanish with the machine."""

    def fails(folder) -> None:
        raise OSError(5, "EIO")

    with pytest.MonkeyPatch.context() as failing:
        failing.setattr(disk, "sync_folder", fails)
        with pytest.raises(Unavailable):
            log.append([world.request(name)])


def test_what_another_writer_linked_is_synced_before_it_is_acknowledged(world, monkeypatch):
    """Each of his files by itself: he may link one more while we read."""
    one, two, events = world.open(), world.open(), []
    settle, take = LocalStore.settle, Memory._take

    def settled(store: LocalStore, folder: str) -> None:
        events.append(folder)
        settle(store, folder)

    def taken(memory: Memory, following) -> None:
        take(memory, following)
        if memory is two.memory:
            events.append(following.start)
        if memory is two.memory and following.start == 1:
            one.memory.adopt()
            stored_in_doubt(one, world, "r1")
            events.clear()

    one.tag("school", "ada")  # its key is durable before the sync fails
    stored_in_doubt(one, world, "r0")
    monkeypatch.setattr(LocalStore, "settle", settled)
    monkeypatch.setattr(Memory, "_take", taken)
    (receipt,) = two.append([world.request("r1")])
    assert (receipt.idx, events) == (2, ["seg", 2])


def test_names_are_freed_in_order_also_by_an_erasure(world):
    """Only the middle segment holds her text; those before it are packed with it."""
    log = world.open()
    append(log, world, "r0", "r1")
    log.append([dataclasses.replace(world.request("bob-0"), subject="bob")])
    append(log, world, "r2")
    assert erasure.erase(world.root, world.keys, "school", "bob")
    assert [name.rpartition("-")[0] for name in world.names("exchange-0/pack")] == [f"{0:020}-{4:020}"]
    assert world.segments()[0].stem == f"{4:020}"
    assert world.verify()[0] == 0


def test_what_could_not_be_deleted_goes_before_what_comes_later(small, monkeypatch):
    log, real, deleted, failed = small.open(), LocalStore.delete, [], []
    append(log, small, *(f"r{n}" for n in range(6)))

    def delete(store: LocalStore, name: str) -> None:
        if not failed and name == f"seg/{1:020}.parquet":
            failed.append(name)
            raise OSError(5, "EIO")
        deleted.append(name)
        real(store, name)

    monkeypatch.setattr(LocalStore, "delete", delete)
    work = Upkeep(log)
    built = work.build(work.plan())
    assert work.adopt(built)
    with pytest.raises(Unavailable):
        work.discard()
    append(log, small, *(f"more-{n}" for n in range(6)))
    pack_all(log)
    segments = [name for name in deleted if name.startswith("seg/")]
    assert failed[0] in segments
    assert segments == sorted(segments)
    assert len(segments) > 6


def cut_off(root, keys) -> None:
    """A rotation that ends when the new chain is there, before any record names the new key."""

    def killed(*given) -> None:
        raise Unavailable("killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rotate, "_take_over", killed)
        with pytest.raises(Unavailable):
            rotate.rotate(root, keys)


def test_a_key_that_no_record_names_yet_signs_no_pack(small):
    """A rotation that failed may have left a chain that is not durable; a pack under its key would be lost with it."""
    log = small.open()
    append(log, small, *(f"r{n}" for n in range(6)))
    cut_off(small.root, small.keys)
    assert pack_all(small.open())
    (small.root / "log-2.vkey").unlink()
    assert small.verify()[0] == 0
    assert small.open().size == log.size + 1


def test_a_repeated_rotation_makes_the_chain_durable_before_any_record_names_it(world, monkeypatch):
    cut_off(world.root, world.keys)
    events, sync, take_over = [], disk.sync_folder, rotate._take_over
    monkeypatch.setattr(disk, "sync_folder", lambda folder: (events.append(folder), sync(folder)))
    monkeypatch.setattr(rotate, "_take_over", lambda *given: (events.append("named"), take_over(*given)))
    rotate.rotate(world.root, world.keys)
    assert events.index(world.root) < events.index("named")


def test_every_chain_of_keys_is_read(world):
    """The older ones too, though the newest holds all of them."""
    for _ in range(2):
        rotate.rotate(world.root, world.keys)
    path = world.root / "log-2.vkey"
    good = path.read_bytes()
    for at in range(0, len(good) * 8, 7):
        changed = bytearray(good)
        changed[at // 8] ^= 1 << at % 8
        path.write_bytes(bytes(changed))
        assert world.verify()[0] == 1
    path.write_bytes((world.root / "log-3.vkey").read_bytes())
    assert world.verify()[0] == 1
    path.write_bytes(good)
    assert (len(read_ring(world.store).keys), world.verify()[0]) == (3, 0)


def test_the_folder_of_the_first_pack_is_synced_whoever_made_it(small, monkeypatch):
    log, synced, sync = small.open(), [], disk.sync_folder
    append(log, small, *(f"r{n}" for n in range(6)))
    (small.root / "exchange-0" / "pack").mkdir()  # by one who was killed before he synced its name
    monkeypatch.setattr(disk, "sync_folder", lambda folder: (synced.append(folder), sync(folder)))
    work = Upkeep(log)
    assert work.build(work.plan())
    assert small.root / "exchange-0" in synced
