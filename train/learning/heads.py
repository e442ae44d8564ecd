"""The signed head of every log of a root, as the last file of each has it."""

from pathlib import Path

from audit.folder import LogFolder, log_names, ring_of
from audit.reader import LogReader
from audit.store import open_store

_ATTEMPTS = 3  # a file that was listed may be packed into another before it is read


def heads(root: str | Path) -> dict[str, str]:
    """Checkpoint notes by origin; what was in the log at a head is in whatever is asked later. AuditError, OSError."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _heads(root)
        except FileNotFoundError:
            continue
    return _heads(root)


def _heads(root: str | Path) -> dict[str, str]:
    store, found = open_store(root), dict[str, str]()
    for name in log_names(store):
        folder = LogFolder(store.child(name))
        reader = LogReader(folder, ring_of(store, folder))
        reader.refresh()
        if reader.files:
            found[reader.ring.name] = reader.open(reader.files[-1]).note
    return found
