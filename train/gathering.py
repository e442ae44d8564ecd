"""Where a source's feed files are taken from: a folder, its publisher, the cache, or a package of the environment.

A package is only looked at through its metadata: none of its code runs.
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from train import fetch_state, releases
from train.archives import folder_files, is_folder
from train.errors import DownloadError, SourceError
from train.sources import Source

Origin = Literal["folder", "publisher", "kept", "package", "nowhere"]


@dataclass(frozen=True, slots=True)
class Feeds:
    """Feed files of a source, each with what it is called in origins. said: why they come from no better place."""

    origin: Origin
    parser: str
    files: tuple[tuple[Path, str], ...] = ()
    package: str = ""  # name and version, where a package has them
    said: str = ""


def from_folder(name: str, source: Source, folder: Path) -> Feeds:
    """The files of a source in a folder, laid out as the register says; without any, what its package has.

    Raises SourceError where there is neither and the source is not optional.
    """
    found = sorted(path for path in _below(folder) if source.matches(path.relative_to(folder).as_posix()))
    if found:
        return Feeds("folder", source.parser, _called(found, folder))
    expected = f"expected files like {', '.join(source.files)} in {folder}, found none"
    held = from_package(source, expected)
    if held:
        print(f"{name}: {expected}: reading the package {held.package}", file=sys.stderr, flush=True)
        return held
    if not source.optional:
        raise SourceError(f"{name}: {expected}")
    return Feeds("nowhere", source.parser, said=expected)


def from_publisher(name: str, source: Source, cache: Path, fetching: releases.Fetch | None = None) -> Feeds:
    """Fetch what is new, into the cache. Raises DownloadError."""
    found = releases.obtain(name, source, cache, fetching)
    return Feeds("publisher" if found else "nowhere", source.parser, _called(found, cache))


def newest(name: str, source: Source, cache: Path, fetching: releases.Fetch | None = None) -> Feeds:
    """From the publisher; where that does not go, what was fetched before; else what its package has; else nothing."""
    try:
        return from_publisher(name, source, cache, fetching)
    except (DownloadError, OSError) as error:
        return at_hand(name, source, cache, str(error))


def at_hand(name: str, source: Source, cache: Path, said: str) -> Feeds:
    """What was fetched before, else what its package has, else nothing."""
    kept = releases.kept(name, source, cache)
    if kept:
        return Feeds("kept", source.parser, _called(kept, cache), said=said)
    return from_package(source, said) or Feeds("nowhere", source.parser, said=said)


def from_package(source: Source, said: str = "") -> Feeds | None:
    """The files in the source's package; None without one, or where it is not installed or holds no such file."""
    if source.package is None:
        return None
    try:
        held = metadata.distribution(source.package.name)
    except metadata.PackageNotFoundError:
        return None
    root = Path(str(held.locate_file("")))
    found = sorted(root.glob(source.package.path))[-1:]
    files = tuple((path, path.relative_to(root).as_posix() + "/" * path.is_dir()) for path in found)
    return Feeds("package", source.package.parser, files, f"{held.name} {held.version}", said) if files else None


def digest(path: Path, name: str) -> str:
    """SHA-256 of a feed file; of a folder, over the names and digests of its files."""
    if not is_folder(name):
        return fetch_state.sha256(path)
    seen = hashlib.sha256()
    for each in folder_files(path):
        seen.update(f"{each.relative_to(path).as_posix()} {fetch_state.sha256(each)}\n".encode())
    return seen.hexdigest()


def _called(paths: list[Path], root: Path) -> tuple[tuple[Path, str], ...]:
    return tuple((path, path.relative_to(root).as_posix()) for path in paths)


def _below(root: Path) -> Iterator[Path]:
    """Files under a folder, links that lead out of it left out."""
    inside = root.resolve()
    return (path for path in root.rglob("*") if path.is_file() and path.resolve().is_relative_to(inside))
