"""The only way to text: `open` decrypts one request's records, after an `access` record says who did it and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.compute as pc

from audit import keys
from audit.erasure import open_log
from audit.errors import AuditError
from audit.folder import CONTROL, log_names
from audit.keys import SubjectKeys
from audit.log import Log
from audit.reader import Stored
from audit.record import Entry, Kind
from audit.seal import RecordId, open_cell
from audit.store import open_store


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one record; None once its subject is erased, and for what is kept elsewhere (an answer)."""

    kind: str
    seq: int
    text: str | None


def open(root: str | Path, keys_dir: Path, request_id: str, *, reader: str, reason: str) -> list[Text]:  # noqa: A001 - its name in the contract
    """The texts of a request's records, in order; empty if none are found. Recorded first. AuditError."""
    material = keys.load(keys_dir)
    logs = [open_log(root, name, material) for name in log_names(open_store(root))]
    found = [(log, one) for log in logs for one in _records(log, request_id)]
    if found:
        record_access(root, keys_dir, reader=reader, reason=reason, about=request_id, records=len(found))
    return [_text(one, material.subjects) for _, one in found]


def record_access(
    root: str | Path, keys_dir: Path, *, reader: str, reason: str, about: str | None, records: int
) -> None:
    """Append that somebody opens text; AuditError if it cannot be recorded, and then nothing may be opened."""
    fields = {"about": about, "records": records}
    entry = Entry(Kind.access, str(uuid4()), 0, "preceptor", reader, fields, reason, actor="operator")
    log = open_log(root, CONTROL, keys.load(keys_dir))
    for result in log.append([entry]):
        if isinstance(result, AuditError):
            raise result


def text_of(leaf: dict[str, Any], cell: bytes | None, subjects: SubjectKeys) -> str | None:
    """The text in a record's cell; None without a cell or once the key is gone. Unproven if it is not the leaf's."""
    if cell is None or leaf["content"] is None or leaf["subject"] is None:
        return None
    key = subjects.by_tag(leaf["tenant"], leaf["subject"])
    if key is None:
        return None
    record = RecordId(leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"])
    return open_cell(record, key, cell, leaf["content"]["commit"])


def _records(log: Log, request_id: str) -> list[Stored]:
    """A request's records; those that were just written are remembered, older ones are found by their time."""
    reader, indexes = log.memory.reader, log.memory.recent.indexes(request_id)
    if not indexes:
        return log.memory.reading(lambda: list(reader.find(request_id)))
    return log.memory.reading(lambda: [next(reader.stored(index)) for index in indexes])


def _text(one: Stored, subjects: SubjectKeys) -> Text:
    rows = one.file.file
    for number in range(rows.num_row_groups):
        table = rows.read_row_group(number, ["idx"])
        at = pc.index(table["idx"], one.leaf["idx"]).as_py()
        if at >= 0:
            cell = rows.read_row_group(number, ["content"])["content"][at].as_py()
            return Text(one.leaf["kind"], one.leaf["seq"], text_of(one.leaf, cell, subjects))
    return Text(one.leaf["kind"], one.leaf["seq"], None)
