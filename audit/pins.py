"""What the control log says that binds the writers of other logs: the heads it pinned, the erasures it recorded."""

from __future__ import annotations

from pathlib import Path

from audit.checkpoint import Checkpoint, unb64
from audit.errors import BadRoot, Unproven
from audit.folder import CONTROL, LogFolder, ring_of
from audit.reader import LogReader, leaves_of_kinds
from audit.record import Kind
from audit.store import Store, open_store


def pinned_head(root: str | Path, name: str) -> Checkpoint | None:
    """The last head of a log that the control log names; None if it never did, or for the control log. BadRoot."""
    if name == CONTROL:
        return None
    store = open_store(root)
    try:
        origin = LogFolder(store.child(name)).key().name
        reader = _control(store)
        for file in reversed(reader.files):
            heads = [leaf["fields"] for leaf in leaves_of_kinds(reader.open(file), (Kind.head,))]
            for fields in reversed(heads):
                if fields["origin"] == origin:
                    return Checkpoint(origin, fields["size"], unb64(fields["root"]))
    except (OSError, Unproven) as error:
        raise BadRoot(f"control log: expected the head of {name} to be readable, got {error}") from error
    return None


def recorded_erasures(root: Store) -> frozenset[str]:
    """Tags whose erasure is on record: only what these cover may be gone. OSError, Unproven."""
    reader = _control(root)
    reader.folder.settle()  # its writer may have linked what was listed and not yet synced
    erased = (leaf for file in reader.files for leaf in leaves_of_kinds(reader.open(file), (Kind.erase,)))
    return frozenset(leaf["fields"]["subject"] for leaf in erased)


def _control(root: Store) -> LogReader:
    folder = LogFolder(root.child(CONTROL))
    reader = LogReader(folder, ring_of(root, folder))
    reader.refresh()
    return reader
