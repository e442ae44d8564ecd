"""What strace watches: `one_commit.py MODE HOME ENTRIES` does one thing to a prepared root, between two marks.

MODE commit appends ENTRIES (JSON) and prints what was acknowledged, pack packs the log, erase erases ada. The last line
on stdout says how it ended: "acknowledged", or the AuditError's class. Any other error ends it with a traceback.
"""

import contextlib
import json
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

import pyarrow as pa

from audit import erasure, keys, upkeep
from audit.errors import AuditError
from audit.log import Log
from audit.record import Entry

BEGINS, ENDS = "/sweep-begins", "/sweep-ends"
TIERS = (4, 40, 400)  # which the few records of the root fill


class WithoutPandas(MetaPathFinder):
    """Where pandas is installed pyarrow imports it at first use, which would take longer than all the rest."""

    def find_spec(self, name, path, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)


def mark(name: str) -> None:
    """A system call that nothing else makes."""
    with contextlib.suppress(OSError):
        os.readlink(name)  # noqa: PTH115 - this one call and no more


def act(mode: str, home: Path, log: Log, entries: list[Entry]) -> list[str]:
    """Do it; what was acknowledged."""
    if mode == "commit":
        results = log.append(entries)
        for result in results:
            if isinstance(result, AuditError):
                raise result
        return [f"{result.request_id} {result.seq} {result.idx} {result.subject}" for result in results]
    if mode == "pack":
        return [f"packs {upkeep.pack_all(log)}"]
    return [f"erased {erasure.erase(home / 'audit', log.keys, 'school', 'ada')}"]


def main(mode: str, home: Path, entries: list[Entry]) -> None:
    """Import all that is imported late; then the one thing."""
    sys.meta_path.insert(0, WithoutPandas())
    pa.array([1])
    upkeep.TIERS = TIERS
    log = Log.open(home / "audit" / "exchange-0", keys.load(home / "keys"))
    mark(BEGINS)
    try:
        lines = [*act(mode, home, log, entries), "acknowledged"]
    except AuditError as error:
        lines = [type(error).__name__]
    mark(ENDS)
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Entry.from_json(one) for one in json.loads(sys.argv[3])])
