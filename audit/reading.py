"""The files of a root as a query reads them: checked here, opened by name elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from audit.errors import BadNote, BadRoot, BadSegment
from audit.folder import LogFolder, log_names, ring_of
from audit.keyring import FOUNDING, KeyRing
from audit.reader import LogReader
from audit.signature import check_file
from audit.store import Store, join_address, open_store


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Records from `start` on; `location` is a path, or an object's URL."""

    start: int
    name: str
    location: str


@dataclass(frozen=True, slots=True)
class ReadLog:
    """One log: its files in order, none overlapping."""

    origin: str
    name: str
    files: tuple[ReadFile, ...]


def read_root(root: str | Path) -> list[ReadLog]:
    """The logs of a root, control first; BadRoot, BadSegment, OSError."""
    store = open_store(root)
    if FOUNDING not in store.names():
        raise BadRoot(f"{root}: expected logs, found none")
    found = []
    for name in log_names(store):
        folder = LogFolder(store.child(name))
        reader = LogReader(folder, _ring(store, folder))
        reader.refresh()
        files = [
            ReadFile(file.start, file.name, str(join_address(root, f"{name}/{file.name}"))) for file in reader.files
        ]
        found.append(ReadLog(reader.ring.name, name, tuple(files)))
    return found


def check_files(root: str | Path, logs: Sequence[ReadLog]) -> None:
    """BadSegment for the first file whose bytes are not as they were signed; many files at once."""
    store = open_store(root)
    rings = {log.name: _ring(store, LogFolder(store.child(log.name))) for log in logs}

    def check(task: tuple[ReadLog, ReadFile]) -> None:
        log, file = task
        try:
            check_file(store.read(f"{log.name}/{file.name}"), rings[log.name], file.start)
        except BadSegment as error:
            raise BadSegment(f"{log.name}/{file.name}: {error}", error.index) from error

    with ThreadPoolExecutor(4) as pool:  # hashing holds no lock
        list(pool.map(check, [(log, file) for log in logs for file in log.files]))


def _ring(root: Store, folder: LogFolder) -> KeyRing:
    try:
        return ring_of(root, folder)
    except BadNote as error:
        raise BadRoot(f"{FOUNDING}: {error}") from error
