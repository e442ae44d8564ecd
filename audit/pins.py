"""What the control log says that binds the writers of other logs: the heads it pinned, the erasures it recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from audit.checkpoint import Checkpoint, unb64
from audit.errors import BadRoot, Unproven
from audit.folder import CONTROL, LogFolder, ring_of
from audit.reader import LogReader, leaves_of_kinds
from audit.record import Kind
from audit.store import Store, open_store

TRIES = 10
T = TypeVar("T")


def pinned_head(root: str | Path, name: str) -> Checkpoint | None:
    """The last head of a log that the control log names; None if it never did, or for the control log. BadRoot."""
    if name == CONTROL:
        return None
    store = open_store(root)
    try:
        origin = LogFolder(store.child(name)).key().name
        return _again(lambda: _last_head(store, origin))
    except (OSError, Unproven) as error:
        raise BadRoot(f"control log: expected the head of {name} to be readable, got {error}") from error


def _last_head(root: Store, origin: str) -> Checkpoint | None:
    reader = _control(root)
    for file in reversed(reader.files):
        heads = [leaf["fields"] for leaf in leaves_of_kinds(reader.open(file), (Kind.head,))]
        for fields in reversed(heads):
            if fields["origin"] == origin:
                return Checkpoint(origin, fields["size"], unb64(fields["root"]))
    return None


def recorded_erasures(root: Store) -> frozenset[str]:
    """Tags whose erasure is on record: only what these cover may be gone. OSError, Unproven."""
    return _again(lambda: _erased(root))


def _erased(root: Store) -> frozenset[str]:
    reader = _control(root)
    reader.folder.settle()  # its writer may have linked what was listed and not yet synced
    erased = (leaf for file in reader.files for leaf in leaves_of_kinds(reader.open(file), (Kind.erase,)))
    return frozenset(leaf["fields"]["subject"] for leaf in erased)


def _again(read: Callable[[], T]) -> T:
    """What `read` finds; again while the control log's writer packs away what was listed."""
    for _ in range(TRIES - 1):
        with suppress(FileNotFoundError):
            return read()
    return read()


def _control(root: Store) -> LogReader:
    folder = LogFolder(root.child(CONTROL))
    reader = LogReader(folder, ring_of(root, folder))
    reader.refresh()
    return reader
