"""Durable files on a local POSIX file system. No library at hand syncs anything, so these few lines do.

A file appears whole under its name or not at all: temp file, fsync, link (fails if the name exists), fsync of the
folder. A descriptor whose fsync failed is never synced again: the next try writes a new file from memory.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".tmp-"
STALE_AFTER_S = 3600.0
FREE_FLOOR = 64 * 1024 * 1024  # bytes; below it nothing is begun that the disk might not finish
_REMOTE = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2",
    "gfs2", "davfs", "ncpfs", "coda",
})  # fmt: skip


def create(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """Create `path` durably; False if the name is taken. OSError: nothing may be assumed but all-or-nothing."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        _write(temporary, data, mode)
        try:
            os.link(temporary, path)
            created = True
        except FileExistsError:
            created = False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return created


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file durably; fine if it is gone."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed writer left; younger ones may be in use by a living one."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE_AFTER_S:
                path.unlink()


def require_space(folder: Path, size: int) -> None:
    """OSError (ENOSPC) when writing `size` bytes would leave less than the floor free."""
    held = os.statvfs(folder)
    free = held.f_bavail * held.f_frsize
    if free < FREE_FLOOR + size:
        raise OSError(errno.ENOSPC, f"{free} bytes free, expected {FREE_FLOOR + size}", str(folder))


def mount_type(path: Path, table: str | None = None) -> str:
    """File system type under `path`, from a mountinfo table (proc(5)); "unknown" where there is none."""
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text(errors="replace")
        except OSError:
            return "unknown"
    place, best, found = str(path.resolve()), -1, "unknown"
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        if not right:
            continue
        point = left.split(" ")[4].encode().decode("unicode_escape")
        if (place == point or place.startswith(point.rstrip("/") + "/")) and len(point) >= best:
            best, found = len(point), right.split(" ")[0]
    return found


def is_remote(kind: str) -> bool:
    """Whether a file system type is known not to be a local disk; FUSE mounts of buckets count as such."""
    return kind in _REMOTE or kind.startswith("fuse")


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
