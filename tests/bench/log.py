"""What the audit log costs and gives beside PostgreSQL, SQLite and this machine's own limits, measured in one run.

    python -m tests.bench.log [--json] [--seconds 10] [--records 50000] [--out DIR] [--only PART,...]

Real fsync, the same payload (about 2 KB of text per record) and one file system for all: TMPDIR says which. Clients are
closed loops; the open loop sends 1,000 records/s whatever happens. The curves are drawn into DIR/log.svg.
"""

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.log_append import closed_loops, open_loops
from tests.bench.log_limits import limits, probe
from tests.bench.log_reading import reading
from tests.bench.log_records import Home, Payload, Rate
from tests.bench.log_report import aims, curve, table, with_ratios
from tests.bench.log_serve import through_serve
from tests.bench.peers import NoPostgres, postgres, postgres_version, sqlite

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = (1, 8, 64, 512)
READING = frozenset({"verify", "query", "start"})
PARTS = ("limits", "append", "open", "postgresql", "sqlite", "serve", *sorted(READING))
PACKAGES = ("cryptography", "duckdb", "orjson", "pyarrow", "ray")


def measure(
    folder: Path, seconds: float, records: int, parts: frozenset[str], clients: Sequence[int]
) -> dict[str, Any]:
    """All chosen parts, one after the other, as one JSON-able object."""
    found: dict[str, Any] = {"machine": machine(folder), "seconds": seconds, "not_run": {}, "before": {}}

    def part(name: str, work: Callable[[Path], Any]) -> Any:
        if name not in parts and not (name == "reading" and parts & READING):
            return None
        found["before"][name] = {"load_average": os.getloadavg()[0], "fdatasync_per_s": probe(folder, seconds)}
        (folder / name).mkdir()
        return work(folder / name)

    payload = Payload.of_a_record(Home.begin(folder / "payload"))
    found["limits"] = part("limits", lambda home: limits(home, seconds)) or {}
    disk = found["limits"].get("fdatasync append, 512 B", {}).get("per_s")
    rates: list[Rate] = part("append", lambda home: closed_loops(home, seconds, clients)) or []
    try:
        rates += part("postgresql", lambda _: postgres(payload, seconds, clients)) or []
    except NoPostgres as error:
        found["not_run"]["postgresql"] = str(error)
    rates += part("sqlite", lambda home: sqlite(home, payload, seconds)) or []
    rates += part("serve", lambda home: through_serve(home, seconds, clients)) or []
    found["rates"] = with_ratios(rates, disk)
    found["open_loop"] = with_ratios(part("open", lambda home: open_loops(home, seconds)) or [], disk)
    found |= part("reading", lambda home: reading(home, records, parts)) or {}
    return found | {"aims": aims(found)}


def machine(folder: Path) -> dict[str, str]:
    """What the figures depend on."""
    try:
        postgresql = postgres_version()
    except NoPostgres:
        postgresql = "none"
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    return {
        "python": f"{platform.python_version()}, {os.cpu_count()} processors, {platform.platform()}",
        "packages": ", ".join([*versions, f"SQLite {sqlite3.sqlite_version}"]),
        "postgresql": postgresql,
        "file system": file_system(folder),
    }


def file_system(folder: Path) -> str:
    """Type of the file system that holds a folder."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    over = [fields for fields in mounts if folder.resolve().is_relative_to(fields[1])]
    return max(over, key=lambda fields: len(fields[1]))[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, draw the curves, and with --json print one object last."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="length of each run")
    parser.add_argument("--records", type=int, default=50_000, metavar="N", help="size of the logs that are read")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench", metavar="DIR", help="where log.svg goes")
    parser.add_argument("--only", type=_parts, default=frozenset(PARTS), metavar="PART,...", help=", ".join(PARTS))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-log-") as folder:
        found = measure(Path(folder), given.seconds, given.records, given.only, CLIENTS)
    for line in table(found):
        print(line)
    if found["rates"] and len({row["clients"] for row in found["rates"]}) > 1:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "log.svg").write_text(curve(found["rates"], "Durable appends of about 2 KB of text"))
        print(f"curves: {given.out / 'log.svg'}")
    if given.json:
        print(json.dumps(found))
    return 0


def _parts(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if unknown := chosen - set(PARTS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
