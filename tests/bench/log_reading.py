"""What a stored log costs to check, to ask, to open and to keep: one log without text, one with."""

import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit.checkpoint import b64
from audit.log import Log
from audit.merkle import Frontier, leaf_hash
from audit.proof import Proof
from audit.query import Asker
from audit.record import Entry
from audit.upkeep import pack_all
from audit.verify import verify
from tests.bench.log_records import (
    RECORDS_PER_EXCHANGE,
    TENANT,
    Home,
    batches,
    exchanges,
    faults,
    receipts,
    request_id,
)

COMMIT = 500  # records; a multiple of an exchange's
SUBJECTS = 100
REPEATS = 3
FAR_SIZE = 10**8
FAR_PATH = 27  # hashes: 2^27 > 10^8


@dataclass(frozen=True, slots=True)
class Filled:
    """A log that was filled with `entries` records and packed; `times` are its commits' time stamps, microseconds."""

    home: Home
    log: Log
    entries: int
    times: list[int]
    fill_s: float


def fill(folder: Path, entries: Iterator[Entry]) -> Filled:
    """A log of its own in `folder` that holds the entries, packed as it grew."""
    home = Home.begin(folder)
    log, filled, times, began = home.open(), 0, list[int](), time.perf_counter()
    for batch in batches(entries, COMMIT):
        times.append(receipts(log.append(batch))[0].ts)
        filled += len(batch)
        pack_all(log)
    return Filled(home, log, filled, times, time.perf_counter() - began)


def reading(folder: Path, records: int, parts: frozenset[str]) -> dict[str, Any]:
    """The figures of parts `verify`, `query`, `start`; the logs are built once, the bare one is removed first."""
    found: dict[str, Any] = {}
    if "verify" in parts:
        bare = fill(folder / "bare", faults(records))
        found["verify"] = {"without text": checked(bare)}
        shutil.rmtree(bare.home.folder)
    full = fill(folder / "full", exchanges(records, SUBJECTS))
    if "verify" in parts:
        found["verify"] |= {"with text": checked(full)}
        found["receipt"] = receipt_sizes(full)
    if "query" in parts:
        found["query"] = asked(full)
    if "start" in parts:
        found["start"] = started(full)
    return found


def checked(filled: Filled) -> dict[str, float]:
    """Leaves per second: hashed to the signed root only, and checked whole; by the clock and per core's second."""
    leaf_bytes = statistics.fmean(len(leaf) for leaves in _leaves(filled.home.log_folder) for leaf in leaves)
    figures: dict[str, float] = {"records": filled.log.size, "leaf_bytes": leaf_bytes}
    for name, work in (("root", lambda: _check_root(filled)), ("whole", lambda: _check_whole(filled))):
        wall, cpu = _clocks(work)
        figures |= {f"{name}_per_s": filled.log.size / wall, f"{name}_per_core_s": filled.log.size / cpu}
    return figures


def _check_root(filled: Filled) -> None:
    frontier = Frontier()
    for leaves in _leaves(filled.home.log_folder):
        frontier = frontier.extend([leaf_hash(leaf) for leaf in leaves])
    if b64(frontier.root()) != filled.log.head()["root"]:
        raise AssertionError("the stored leaves do not lead to the log's root")


def _check_whole(filled: Filled) -> None:
    report = verify(filled.home.root)
    if not report.valid:
        raise AssertionError(f"the log does not verify: {report.first_bad}")


def _leaves(log: Path) -> Iterator[list[bytes]]:
    """Leaves from record 0 on, in batches; where a pack and segments begin alike, the pack that reaches farthest."""
    chosen: dict[int, Path] = {}
    for path in [*sorted(log.glob("seg/*.parquet")), *sorted(log.glob("pack/*.parquet"))]:
        chosen[int(path.name[:20])] = path
    at = 0
    while at in chosen:
        for batch in pq.ParquetFile(chosen[at]).iter_batches(columns=["leaf"]):
            yield batch["leaf"].to_pylist()
            at += len(batch)


def receipt_sizes(filled: Filled) -> dict[str, dict[str, int]]:
    """Bytes of the receipts of a request and of its answer: at the log's size, and as they will be at 10^8 records."""
    last = filled.log.receipt(request_id(filled.entries // RECORDS_PER_EXCHANGE - 1))
    return {receipt.kind: _sizes(receipt.proof) for receipt in (last[0], last[-1])}


def _sizes(text: str) -> dict[str, int]:
    proof = Proof.parse(text)
    origin, _, rest = proof.checkpoint.split("\n", 2)
    far = replace(proof, index=FAR_SIZE - 1, path=(bytes(32),) * FAR_PATH, checkpoint=f"{origin}\n{FAR_SIZE}\n{rest}")
    return {"bytes": len(text.encode()), "bytes_at_1e8": len(str(far).encode())}


def asked(filled: Filled) -> dict[str, dict[str, float]]:
    """Seconds (median of three) and rows of a filtered query: one request, one subject, one kind in a time range.

    `s` reads files that `audit.verify` has checked; `checked_s` checks every file's signature first.
    """
    middle = len(filled.times) // 2
    low, high = (filled.times[at] for at in (middle, min(middle + 1 + len(filled.times) // 100, len(filled.times) - 1)))
    chosen = request_id(middle * COMMIT // RECORDS_PER_EXCHANGE)
    wheres = {
        "request_id": f"request_id = '{chosen}'",
        "subject": f"subject = '{filled.log.tag(TENANT, 'learner-7')}'",
        "kind and time": f"kind = 'request' AND ts BETWEEN TIMESTAMPTZ '{_iso(low)}' AND TIMESTAMPTZ '{_iso(high)}'",
    }
    figures = {}
    for name, where in wheres.items():
        sql = f"SELECT idx, ts, kind, fields FROM records WHERE {where}"  # noqa: S608 - every word is ours
        trusting, checking = (partial(_ask_once, filled.home.root, sql, trust) for trust in (True, False))
        rows = trusting().num_rows
        if not rows:
            raise AssertionError(f"query by {name}: expected rows, got none")
        figures[name] = {"s": _median_s(trusting), "checked_s": _median_s(checking), "rows": rows}
    return figures


def _ask_once(root: Path, sql: str, trust: bool) -> pa.Table:
    """By an asker who has checked nothing yet."""
    return Asker(root, trust_files=trust).ask(sql)


def _iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat()


def started(filled: Filled) -> dict[str, float | None]:
    """Seconds to open the log for writing; files and bytes it is kept in; how fast it was filled and packed."""
    folder = filled.home.log_folder
    loose, packs = list(folder.glob("seg/*.parquet")), list(folder.glob("pack/*.parquet"))
    return {
        "records": filled.log.size,
        "open_s": _median_s(filled.home.open),
        "loose_files": len(loose),
        "pack_files": len(packs),
        "bytes_per_loose_record": _bytes_per_record(loose),
        "bytes_per_packed_record": _bytes_per_record(packs),
        "fill_records_per_s": filled.log.size / filled.fill_s,
        "fill_objects_per_s": len(filled.times) / filled.fill_s,
    }


def _bytes_per_record(files: list[Path]) -> float | None:
    records = sum(pq.read_metadata(path).num_rows for path in files)
    return sum(path.stat().st_size for path in files) / records if records else None


def _median_s(work: Callable[[], object]) -> float:
    return statistics.median(_clocks(work)[0] for _ in range(REPEATS))


def _clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time, children included."""
    began, used = time.perf_counter(), _processor_s()
    work()
    return time.perf_counter() - began, _processor_s() - used


def _processor_s() -> float:
    usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
