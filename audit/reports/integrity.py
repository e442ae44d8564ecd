"""The proof that a report carries: what `audit.verify` finds, and the signed checkpoint of each log it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.checkpoint import Checkpoint, b64
from audit.errors import AuditError
from audit.folder import LogFolder, ring_of
from audit.keyring import read_ring
from audit.reader import LogReader
from audit.reports.report import Head, Integrity
from audit.store import Store, open_store
from audit.verify import Report, verify

ATTEMPTS = 3  # a log that is packed between its verification and the look for its checkpoint


def check(root: str | Path, key_file: Path | None = None, checkpoints: Sequence[Path] = ()) -> Integrity:
    """Verify every log of a root. Whoever asks the log first, and this after, has asked no more than is covered here.

    Raises audit.verify.Unreadable if nothing is there or it cannot be read.
    """
    found, heads = _look(root, key_file, checkpoints)
    for _ in range(ATTEMPTS - 1):
        if all(head.signed for head in heads):
            break
        found, heads = _look(root, key_file, checkpoints)
    return Integrity(
        found.valid, found.key_source or "root", _key(open_store(root)), found.first_bad, tuple(found.notes), heads
    )


def _look(root: str | Path, key_file: Path | None, checkpoints: Sequence[Path]) -> tuple[Report, tuple[Head, ...]]:
    found, store = verify(root, key_file, checkpoints), open_store(root)
    heads = [Head(head.origin, head.size, b64(head.root), _signed(store, head)) for head in found.logs]
    return found, tuple(heads)


def _signed(root: Store, head: Checkpoint) -> str | None:
    """The checkpoint of exactly this head, out of the file that ends with it; None if no file does any more."""
    folder = LogFolder(root.child(head.origin.rpartition("/")[2]))
    try:
        reader = LogReader(folder, ring_of(root, folder))
        reader.refresh()
        opened = reader.open(reader.file_of(head.size - 1))
    except (AuditError, OSError):
        return None
    return opened.note if opened.head == head else None


def _key(root: Store) -> str | None:
    """The root's newest verifier key."""
    try:
        return str(read_ring(root).keys[-1])
    except (AuditError, OSError):
        return None
