"""A small disk of its own for a tutor's home: a file that is mounted, so that it can be filled, frozen and slowed."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE_BYTES = 4 * 1024**3  # sparse; the launcher asks for 2 GiB
SLOW_S = 0.4  # of half a second each write waits so long at most
SPARE_BYTES = 4096


class Disk:
    """Needs root and loop devices; raises OSError or CalledProcessError where the kernel has none."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "disk"
        self._image = folder / "disk.img"
        self._filler = self.root / "filler"

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(SIZE_BYTES)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        _run("mount", "-o", "loop,noatime", str(self._image), str(self.root))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        _run("umount", "-l", str(self.root))
        self._image.unlink()

    def fill(self) -> None:
        """Not one block is left."""
        with self._filler.open("wb") as file:
            while (free := os.statvfs(self.root).f_bavail * os.statvfs(self.root).f_frsize) > SPARE_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(SPARE_BYTES, free // 2))
                    file.seek(0, os.SEEK_END)
                except OSError:
                    break

    def empty(self) -> None:
        """What `fill` took is free again."""
        self._filler.unlink(missing_ok=True)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Every write waits until this is left, as on a storage network that went away."""
        _run("fsfreeze", "--freeze", str(self.root))
        try:
            yield
        finally:
            _run("fsfreeze", "--unfreeze", str(self.root))

    def hang(self, seconds: float) -> None:
        """`hanging` for so long."""
        with self.hanging():
            time.sleep(seconds)

    def slow(self, seconds: float) -> None:
        """Writes pass in a tenth of a second out of each half."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.hang(SLOW_S)
            time.sleep(0.5 - SLOW_S)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
