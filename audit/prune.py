"""Retention: `python -m audit.prune ROOT --keys DIR --log exchange-0 --days N [--rule NAME]`.

A `prune` record states range, rule and the tree's frontier before anything is deleted, so the rest still verifies, as
do receipts of what is gone. The control log is never pruned: it holds keys, logs and erasures.
Exit 0 done (also when nothing is old enough), 2 could not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from audit import keys, pipe
from audit.checkpoint import b64
from audit.erasure import open_log
from audit.errors import AuditError, BadEntry, Unavailable
from audit.folder import CONTROL, File
from audit.log import Log
from audit.record import Entry, Kind
from audit.store import to_address
from audit.upkeep import Upkeep

DAY_US = 24 * 3600 * 1_000_000


def prune(log: Log, before_us: int, rule: str) -> tuple[int, int]:
    """Drop files whose records are all older than `before_us`; the range start..end that was dropped. AuditError."""
    if log.origin.endswith(f"/{CONTROL}"):
        raise BadEntry("expected an exchange log, got the control log: it holds keys, logs and erasures")
    log.memory.adopt()
    reader = log.memory.reader
    gone = log.memory.reading(lambda: list(takewhile(lambda file: _newest(log, file) < before_us, reader.files[:-1])))
    if not gone:
        return 0, 0
    end = log.memory.reading(lambda: reader.open(reader.files[len(gone)])).before
    fields = {"start": gone[0].start, "end": end.size, "frontier": [b64(node) for node in end.nodes], "rule": rule}
    (done, *_) = log.append_if([Entry.operational(Kind.prune, fields)], lambda: reader.files[: len(gone)] == gone) or [
        Unavailable("files were packed meanwhile; repeat")
    ]
    if isinstance(done, AuditError):
        raise done
    Upkeep(log).discard()
    return gone[0].start, end.size


def _newest(log: Log, file: File) -> int:
    """Time stamp of a file's last record, microseconds."""
    rows = log.memory.reader.open(file).file
    return int(rows.metadata.row_group(rows.num_row_groups - 1).column(1).statistics.max)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 done, 2 could not."""
    parser = argparse.ArgumentParser(prog="python -m audit.prune", description="Drop old records of an exchange log.")
    parser.add_argument("root", type=to_address, metavar="ROOT", help="folder or object store URL of the logs")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder")
    parser.add_argument("--log", required=True, metavar="NAME", help="for example exchange-0")
    parser.add_argument("--days", type=float, required=True, help="keep records of this many days, by whole files")
    parser.add_argument("--rule", default="retention", help="what the prune record cites; default retention")
    given = parser.parse_args(arguments)
    try:
        log = open_log(given.root, given.log, keys.load(given.keys))
        start, end = prune(log, time.time_ns() // 1000 - int(given.days * DAY_US), given.rule)
    except AuditError as error:
        print(f"not pruned: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"log": given.log, "start": start, "end": end}))
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
