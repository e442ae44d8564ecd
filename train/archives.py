"""Opens feed files where they lie: plain, gzip, zstandard, zip, tar, a folder. Nothing is ever unpacked to disk.

A member is named FILE, or FILE!PATH inside an archive; the path is only a name, so it cannot lead anywhere. What comes
out is bounded: an archive that grows beyond the limits ends with an ArchiveError, and what was read before it stands.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from train.errors import FeedError

_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, zstandard.ZstdError,
           NotImplementedError, RuntimeError, ValueError)  # fmt: skip


class ArchiveError(FeedError):
    """A file that cannot be opened, or holds more than the limits allow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a feed may be. The whole CVE List has about 3 GiB in 300,000 members."""

    element: int = 16 << 20  # bytes of one element
    member: int = 1 << 30  # bytes of one uncompressed member
    file: int = 16 << 30  # bytes of all members of a file
    members: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a feed file, to be read before the next one is asked for."""

    name: str
    stream: BinaryIO


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than `most` bytes; `left` counts down what a whole file may still give."""

    def __init__(self, inner: IO[bytes], name: str, most: int, left: list[int]) -> None:
        self._inner, self._name, self._most, self._left = inner, name, most, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise ArchiveError(f"{self._name}: cannot be read on: {type(error).__name__}: {error}") from error
        self._most -= len(data)
        self._left[0] -= len(data)
        if self._most < 0 or self._left[0] < 0:
            raise ArchiveError(f"{self._name}: expected no more bytes than the limits allow, got more")
        buffer[: len(data)] = data
        return len(data)


def is_archive(name: str) -> bool:
    """Whether a file holds members of its own names."""
    return name.endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.zst")) or is_folder(name)


def is_folder(name: str) -> bool:
    """Whether the members are the files of a folder, as where a package brings a feed in several."""
    return name.endswith("/")


def folder_files(folder: Path) -> list[Path]:
    """The files of a folder that can be members, by name: Python's own are none."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})


def zip_names(path: Path) -> list[str]:
    """The files in a zip, in the order of the archive; raises ArchiveError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [each.filename for each in archive.infolist() if not each.is_dir()]
    except _BROKEN as error:
        raise ArchiveError(f"{path.name}: expected a zip archive, got {type(error).__name__}: {error}") from error


@contextmanager
def _decompressed(path: Path, name: str) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if name.endswith((".zst", ".zstd")):
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True) as s:
                yield s
        elif name.endswith((".gz", ".tgz")):
            with gzip.open(file) as unpacked:
                yield cast("IO[bytes]", unpacked)
        else:
            yield file


def members(path: Path, name: str, limits: Limits, part: tuple[int, int] = (0, 1)) -> Iterator[Member]:
    """The members of the feed file `path`, called `name`. part (k, n) gives every n-th member of a zip from the k-th.

    Raises ArchiveError where the file cannot be read on; the members before it have been given.
    """
    left = [limits.file]

    def bounded(stream: IO[bytes], member: str) -> Member:
        return Member(member, io.BufferedReader(_Bounded(stream, member, limits.member, left), 1 << 16))

    try:
        if name.endswith(".zip"):
            yield from _zip(path, name, limits, part, bounded)
        elif is_folder(name):
            yield from _folder(path, name, bounded)
        elif is_archive(name):
            with _decompressed(path, name) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                yield from _tar(archive, name, limits, bounded)
        else:
            with _decompressed(path, name) as stream:
                yield bounded(stream, name)
    except _BROKEN as error:
        raise ArchiveError(f"{name}: cannot be read: {type(error).__name__}: {error}") from error


_Bound = Callable[[IO[bytes], str], Member]


def _folder(path: Path, name: str, bounded: _Bound) -> Iterator[Member]:
    for each in folder_files(path):
        with each.open("rb") as stream:
            yield bounded(stream, f"{name}!{each.relative_to(path).as_posix()}")


def _zip(path: Path, name: str, limits: Limits, part: tuple[int, int], bounded: _Bound) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        files = [each for each in archive.infolist() if not each.is_dir()]
        if len(files) > limits.members:
            raise ArchiveError(f"{name}: expected at most {limits.members} members, got {len(files)}")
        for each in files[part[0] :: part[1]]:
            with archive.open(each) as stream:
                yield bounded(stream, f"{name}!{each.filename}")


def _tar(archive: tarfile.TarFile, name: str, limits: Limits, bounded: _Bound) -> Iterator[Member]:
    for number, each in enumerate(archive):
        if number >= limits.members:
            raise ArchiveError(f"{name}: expected at most {limits.members} members, got more")
        archive.members = []  # type: ignore[attr-defined]  # else it remembers every header
        stream = archive.extractfile(each) if each.isreg() else None
        if stream is not None:
            yield bounded(stream, f"{name}!{each.name}")


def read_range(root: Path, member: str, start: int, end: int) -> bytes:
    """Bytes start to end of an uncompressed member under the folder `root`. Raises ArchiveError."""
    name, _, inside = member.partition("!")
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not (path.is_dir() if is_folder(name) else path.is_file()):
        raise ArchiveError(f"{name}: expected a file of this name in {root}")
    for each in members(path, name, Limits()):
        if not inside or each.name == member:
            for _ in range(start // (1 << 20)):
                each.stream.read(1 << 20)
            each.stream.read(start % (1 << 20))
            return each.stream.read(end - start)
    raise ArchiveError(f"{member}: expected this member in {name}, found none")
