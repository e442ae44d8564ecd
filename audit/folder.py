"""The files of one log: `log.vkey` and `seg/<first index, 20 digits>.parquet`."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit import disk
from audit.checkpoint import VerifierKey
from audit.errors import BadNote, BadSegment

CONTROL = "control"  # folder of the log that lists the others
STALE_AFTER_S = 3600.0
_SEGMENT = re.compile(r"([0-9]{20})\.parquet")


@dataclass(frozen=True, slots=True)
class LogFolder:
    """Names, bytes and durable creation; knows nothing of what the bytes mean. Raises OSError as it comes."""

    path: Path

    def begin(self, key: VerifierKey) -> None:
        """Make an empty log folder."""
        (self.path / "seg").mkdir(parents=True)
        write_key(self.path, key)

    def key(self) -> VerifierKey:
        """The log's verifier key; BadNote."""
        return read_key(self.path / "log.vkey")

    def segment(self, start: int) -> Path:
        """Path of the segment whose first record is `start`."""
        return self.path / "seg" / f"{start:020}.parquet"

    def starts(self) -> list[int]:
        """First indexes of all segments, in order; BadSegment for a file that does not belong."""
        found = []
        for path in (self.path / "seg").iterdir():
            match = _SEGMENT.fullmatch(path.name)
            if match:
                found.append(int(match[1]))
            elif not path.name.startswith(disk.TEMPORARY):
                raise BadSegment(f"{path.name}: no segment's name")
        return sorted(found)

    def create(self, start: int, data: bytes) -> bool:
        """Publish a segment durably; False if another writer was first."""
        return disk.create(self.segment(start), data)

    def sync(self) -> None:
        """Make durable what another writer may have linked and not yet synced."""
        disk.sync_folder(self.path / "seg")

    def sweep(self) -> None:
        """Remove temporary files that a killed writer left; younger ones may be in use by a living one."""
        for path in (self.path / "seg").glob(f"{disk.TEMPORARY}*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE_AFTER_S:
                    path.unlink()


def read_key(path: Path) -> VerifierKey:
    """The one verifier key in a file: one line, ended by a newline; BadNote, OSError."""
    try:
        text = path.read_bytes().decode("ascii")
    except UnicodeDecodeError as error:
        raise BadNote("verifier key: expected ASCII") from error
    if not text.endswith("\n"):
        raise BadNote("verifier key: expected one line")
    return VerifierKey.parse(text)


def write_key(folder: Path, key: VerifierKey) -> None:
    """Publish `log.vkey` in a folder."""
    disk.create(folder / "log.vkey", f"{key}\n".encode())
