"""Promotions of one model as the control log has them, and which of them a rollback goes back to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.folder import CONTROL, LogFolder, ring_of
from audit.reader import LogReader, leaves_of_kinds
from audit.record import Kind
from audit.state import NEVER
from audit.store import open_store
from train.errors import GateError

_ATTEMPTS = 3  # a file that was listed may be packed into another before it is read


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promotion record: its place in the log, its id and what it names."""

    idx: int
    request_id: str
    fields: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The digest of the model that it made active."""
        return str(self.fields["model_digest"])


def read(root: str | Path, name: str) -> list[Promoted]:
    """The promotions of a model, oldest first, out of signed files; raises AuditError, OSError."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read(root, name)
        except FileNotFoundError:
            continue
    return _read(root, name)


def last(history: Sequence[Promoted]) -> int:
    """The index on which the next promotion rests; NEVER when there is none yet."""
    return history[-1].idx if history else NEVER


def before(history: Sequence[Promoted]) -> Promoted:
    """What was active before the active model; raises GateError when nothing was.

    A model that is promoted again takes everything after its first promotion back, so that repeated rollbacks go ever
    further back rather than to and fro between two models.
    """
    path: list[Promoted] = []
    for one in history:
        known = [place for place, earlier in enumerate(path) if earlier.model == one.model]
        path = [*path[: known[0] if known else len(path)], one]
    if len(path) < 2:
        raise GateError("rollback: expected an earlier promotion to go back to, found none")
    return path[-2]


def find(history: Sequence[Promoted], digest: str) -> Promoted:
    """The newest promotion of the model or adapter of this digest; raises GateError."""
    for one in reversed(history):
        if digest in (one.model, one.fields["adapter_digest"]):
            return one
    known = sorted({one.model for one in history})
    raise GateError(f"rollback: expected a model that was once active, one of {known}, got {digest[:80]!r}")


def base_alone(history: Sequence[Promoted]) -> Promoted:
    """The newest promotion without an adapter; raises GateError."""
    for one in reversed(history):
        if one.fields["adapter_digest"] is None:
            return one
    raise GateError("rollback: expected a promotion of the base alone to go back to, found none")


def _read(root: str | Path, name: str) -> list[Promoted]:
    store = open_store(root)
    folder = LogFolder(store.child(CONTROL))
    reader = LogReader(folder, ring_of(store, folder))
    reader.refresh()
    leaves = (leaf for file in reader.files for leaf in leaves_of_kinds(reader.open(file), (Kind.promotion,)))
    return [
        Promoted(leaf["idx"], leaf["request_id"], leaf["fields"]) for leaf in leaves if leaf["fields"]["name"] == name
    ]
