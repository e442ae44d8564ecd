"""The only way to text: `open` decrypts one request's records, after an `access` record says who did it and why.

    python -m audit.content ROOT REQUEST_ID --keys DIR --reader NAME --reason TEXT

Exit 0 opened, 1 no such request, 2 could not, and then nothing was shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow.compute as pc

from audit import keys, pipe
from audit.erasure import open_log
from audit.errors import AuditError
from audit.folder import CONTROL, log_names
from audit.keys import SubjectKeys
from audit.log import Log
from audit.reader import Stored
from audit.record import Entry, Kind
from audit.seal import text_of
from audit.store import open_store, to_address


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one record; None once its subject is erased, and for what is kept elsewhere (an answer)."""

    kind: str
    seq: int
    text: str | None


def open(  # noqa: A001 - its name in the contract
    root: str | Path, keys_dir: Path, request_id: str, *, reader: str, reason: str, tenant: str | None = None
) -> list[Text]:
    """The texts of a request's records, in order; empty if none are found. Recorded first. AuditError.

    With a tenant, those of its records alone: others may append under an id that they know.
    """
    material = keys.load(keys_dir)
    logs = [open_log(root, name, material) for name in log_names(open_store(root))]
    found = [(log, one) for log in logs for one in _records(log, request_id) if tenant in (None, one.leaf["tenant"])]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 opened, 1 no such request, 2 could not."""
    parser = argparse.ArgumentParser(prog="python -m audit.content", description="Open the text of one request.")
    parser.add_argument("root", type=to_address, metavar="ROOT", help="folder or object store URL of the logs")
    parser.add_argument("request_id", metavar="REQUEST_ID")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder")
    parser.add_argument("--reader", required=True, help="who opens it; kept under that person's key")
    parser.add_argument("--reason", required=True, help="why; kept likewise")
    given = parser.parse_args(arguments)
    try:
        texts = open(given.root, given.keys, given.request_id, reader=given.reader, reason=given.reason)
    except AuditError as error:
        print(f"not opened: {error}", file=sys.stderr)
        return 2
    print(json.dumps([asdict(text) for text in texts], ensure_ascii=False))
    return 0 if texts else 1


if __name__ == "__main__":
    sys.exit(pipe.run(main))
