"""Erasing a person: the key is destroyed, every log says that it has left the epoch, packing drops what it opened."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.errors import AuditError, BadRoot
from audit.folder import CONTROL, log_names
from audit.keys import Keys
from audit.log import Log
from audit.memory import available
from audit.pack import holds_content_of
from audit.pins import pinned_head
from audit.record import Entry, Kind
from audit.segment import open_file
from audit.state import NEVER
from audit.store import join_address, open_store
from audit.upkeep import pack_all


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: the tag that now links to nobody, its epoch, and the packs written anew."""

    tag: str
    epoch: int
    logs: tuple[str, ...]
    packs: int


def erase(root: str | Path, keys: Keys, tenant: str, subject: str) -> Erased | None:
    """Erase a subject in all logs of a root; None if there is no such subject. AuditError; may be repeated after one.

    What is written from the first moment on is under the next epoch, also by writers that run elsewhere.
    """
    with available():
        names, packs = log_names(open_store(root)), 0
    if not names:
        raise BadRoot(f"{root}: expected logs, found none")
    logs = [open_log(root, name, keys) for name in names]  # before anything is destroyed: is this the root of that?
    erasure = keys.subjects.erase(tenant, subject)
    for log in logs:
        settle(log)
    for log in logs:
        packs += pack_all(log)
        _drop_unnamed(log)
    return None if erasure is None else Erased(erasure.tag, erasure.epoch, tuple(names), packs)


def settle(log: Log) -> int:
    """Record the erasures that this log has not yet: in the control log that they happened, in each that it left them.

    The writer of every log calls this too, so an erasure that was cut off is finished.
    """
    erasures = log.keys.subjects.erasures()
    if not erasures:
        return 0
    log.keys.subjects.finish_erasures()
    log.memory.adopt()
    state, control = log.memory.state(), log.origin.endswith(f"/{CONTROL}")
    entries: list[Entry] = []
    for tag, one in erasures.items():
        if control and state.last(f"erase/{tag}") == NEVER:
            entries.append(Entry.operational(Kind.erase, {"subject": tag, "epoch": one.epoch}))
        if state.last(f"epoch_ack/{tag}") == NEVER:
            fields = {"origin": log.origin, "subject": tag, "epoch": one.epoch}
            entries.append(Entry.operational(Kind.epoch_ack, fields))
    _require(log.append(entries) if entries else [])
    return len(entries)


def _drop_unnamed(log: Log) -> None:
    """Delete packs that a kill left without a record and that hold erased text.

    Nobody can name one any more: a source of it held that text, and no file of the log does, nor will one.
    """
    reader, erased = log.memory.reader, log.keys.subjects.erasures()
    with available():
        for file in reader.folder.files() if erased else ():
            if file.is_pack and file not in reader.files:
                with contextlib.suppress(FileNotFoundError):
                    opened = open_file(reader.folder.read(file), reader.ring, file.start)
                    if holds_content_of(opened, erased):
                        reader.folder.store.delete(file.name)


def open_log(root: str | Path, name: str, keys: Keys) -> Log:
    """One log of a root, not older than the control log pins it. AuditError."""
    return Log.open(join_address(root, name), keys, pinned=pinned_head(root, name))


def _require(results: Sequence[object]) -> None:
    for result in results:
        if isinstance(result, AuditError):
            raise result
