"""The heads that the control log has pinned, as a writer asks for them before it goes on."""

from __future__ import annotations

from pathlib import Path

from audit.checkpoint import Checkpoint, unb64
from audit.errors import BadRoot, Unproven
from audit.folder import CONTROL, LogFolder, ring_of
from audit.reader import LogReader, leaves_of_kinds
from audit.record import Kind
from audit.store import open_store


def pinned_head(root: str | Path, name: str) -> Checkpoint | None:
    """The last head of a log that the control log names; None if it never did, or for the control log. BadRoot."""
    if name == CONTROL:
        return None
    store = open_store(root)
    try:
        origin = LogFolder(store.child(name)).key().name
        folder = LogFolder(store.child(CONTROL))
        reader = LogReader(folder, ring_of(store, folder))
        reader.refresh()
        for file in reversed(reader.files):
            heads = [leaf["fields"] for leaf in leaves_of_kinds(reader.open(file), (Kind.head,))]
            for fields in reversed(heads):
                if fields["origin"] == origin:
                    return Checkpoint(origin, fields["size"], unb64(fields["root"]))
    except (OSError, Unproven) as error:
        raise BadRoot(f"control log: expected the head of {name} to be readable, got {error}") from error
    return None
