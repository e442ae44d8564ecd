"""What a writer refuses to begin or to go on with: mounts, full disks, open key files, older states, other logs."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from audit import disk, init, keys
from audit.checkpoint import Checkpoint, read_checkpoint
from audit.erasure import open_log
from audit.errors import AuditError, BadKeys, BadRoot, Unavailable
from audit.log import Log
from audit.pins import pinned_head
from audit.record import Entry, Kind

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)
TABLE = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
31 22 0:27 / /mnt rw shared:2 - tmpfs tmpfs rw
40 31 0:40 / /mnt/home rw,relatime shared:9 master:1 - nfs4 server:/home rw,vers=4.2
41 31 0:41 / /mnt/with\\040space rw - fuse.s3fs s3fs rw
42 40 0:42 / /mnt/home/local rw - xfs /dev/vdb rw
43 40 0:43 / /mnt/home/local rw - cifs //server/share rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind", "remote"),
    [
        ("/srv", "ext4", False),
        ("/mnt", "tmpfs", False),
        ("/mnt/homeless", "tmpfs", False),
        ("/mnt/home", "nfs4", True),
        ("/mnt/home/a/b", "nfs4", True),
        ("/mnt/with space/a", "fuse.s3fs", True),
        ("/mnt/home/local/a", "cifs", True),
    ],
)
def test_the_mount_under_a_path_is_the_longest_and_last(path, kind, remote):
    assert disk.mount_type(Path(path), TABLE) == kind
    assert disk.is_remote(kind) is remote


def test_this_machine_has_a_mount_table_or_none(tmp_path, monkeypatch):
    assert disk.mount_type(tmp_path) not in ("", "unknown")
    assert disk.mount_type(tmp_path, "") == "unknown"


def test_a_network_mount_is_refused_with_its_type(world, monkeypatch, tmp_path):
    real, table = disk.mount_type, f"{TABLE}50 22 0:50 / {tmp_path} rw - nfs4 server:/x rw\n"
    monkeypatch.setattr(disk, "mount_type", lambda path: real(path, table))
    with pytest.raises(BadRoot, match="expected a local file system or an object store's URL, got nfs4"):
        world.open()
    with pytest.raises(AuditError, match="nfs4"):
        init.begin(tmp_path / "new", tmp_path / "keys", "test", 1)
    assert not (tmp_path / "new").exists()


@pytest.fixture
def cramped(tmp_path, monkeypatch):
    """A file system of 2 MB where we may mount one; where not, statvfs that says so of any folder."""
    monkeypatch.setattr(disk, "FREE_FLOOR", 512 * 1024)
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield place
        subprocess.run(["umount", str(place)], check=True)
        return
    real = os.statvfs

    def statvfs(path):
        found, free = real(path), 2 * 1024 * 1024 - sum(one.stat().st_size for one in place.rglob("*") if one.is_file())
        return os.statvfs_result([found.f_bsize, 1, *found[2:3], free, max(0, free), *found[5:]])

    monkeypatch.setattr(os, "statvfs", statvfs)
    yield place


def test_a_full_disk_refuses_before_it_is_full_and_recovers(world, cramped):
    init.begin(cramped / "audit", world.home / "other", "test", 1)
    log = Log.open(cramped / "audit" / "exchange-0", keys.load(world.home / "other"))
    log.append([world.request("r1")])
    (cramped / "filler").write_bytes(bytes(1_700_000))
    for _ in range(2):
        with pytest.raises(Unavailable, match="bytes free, expected"):
            log.append([world.request("r2")])
    assert world.verify(cramped / "audit")[0] == 0
    assert Log.open(cramped / "audit" / "exchange-0", log.keys).receipt("r1")
    (cramped / "filler").unlink()
    assert log.append([world.request("r2")])[0].idx == 2
    assert world.verify(cramped / "audit")[0] == 0


@pytest.mark.parametrize("name", ["log.key", "kek.key", "subjects", "tags", "."])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o010])
def test_keys_that_others_may_read_are_refused(world, name, mode):
    path = world.home / "keys" / name
    path.chmod(path.stat().st_mode & 0o777 | mode)
    with pytest.raises(BadKeys, match="expected no access for others"):
        keys.load(world.home / "keys")


@EVERYWHERE
def test_a_log_older_than_its_pinned_head_is_refused(world):
    """As after yesterday's backup of one log was put back."""
    log = world.open()
    log.append([world.request("r1")])
    yesterday = {name: data for name, data in world.files().items() if name.startswith("exchange-0/seg/")}
    log.append([world.request("r2")])
    world.open("control").append([Entry.operational(Kind.head, log.head())])
    assert pinned_head(world.address, "exchange-0").size == 3
    assert open_log(world.address, "exchange-0", world.keys).size == 3
    for name in world.files():
        if name.startswith("exchange-0/seg/") and name not in yesterday:
            world.store.delete(name)
    with pytest.raises(BadRoot, match="expected 3 records or more, got 2: an older state"):
        open_log(world.address, "exchange-0", world.keys)
    assert world.verify()[0] == 1


def test_a_log_with_another_tree_than_its_pinned_head_is_refused(world, tmp_path):
    """A fork with the real key: it is as long, and its signatures are good."""
    shutil.copytree(world.root / "exchange-0", tmp_path / "fork")
    log = world.open()
    log.append([world.request("r1")])
    world.open("control").append([Entry.operational(Kind.head, log.head())])
    shutil.rmtree(world.root / "exchange-0")
    shutil.copytree(tmp_path / "fork", world.root / "exchange-0")
    fork = world.open()
    fork.append([world.request("another")])
    with pytest.raises(BadRoot, match="expected the tree that the control log pinned, got another"):
        open_log(world.root, "exchange-0", world.keys)
    fork.append([world.request("r3")])
    with pytest.raises(BadRoot, match="got another"):
        open_log(world.root, "exchange-0", world.keys)


def test_any_earlier_head_is_fine(world):
    log = world.open()
    heads = [read_checkpoint(log.checkpoint())]
    for number in range(4):
        log.append(world.exchange(f"r{number}", "text"))
        heads.append(read_checkpoint(log.checkpoint()))
    for head in heads:
        assert world.open(pinned=head).size == log.size
        wrong = Checkpoint(head.origin, head.size, bytes(32))
        with pytest.raises(BadRoot, match="got another"):
            world.open(pinned=wrong)


def test_the_control_log_has_no_pin_and_a_broken_one_refuses_all(world):
    assert pinned_head(world.root, "control") is pinned_head(world.root, "exchange-0") is None
    world.segments("control")[-1].write_bytes(b"broken")
    with pytest.raises(AuditError, match="control log: expected the head of exchange-0 to be readable"):
        open_log(world.root, "exchange-0", world.keys)


def test_a_start_is_quick(world):
    """Ten thousand records are remembered; what is older is listed only."""
    log = world.open()
    for turn in range(12):
        log.append([Entry.operational(Kind.tick, {"counts": {"n": n}}) for n in range(turn, turn + 1000)])
    started = time.process_time()
    assert world.open().size == 12_001
    assert time.process_time() - started < 2
