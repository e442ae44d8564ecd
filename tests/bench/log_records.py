"""What the parts of the log benchmark share: a log of their own, the records they append, how times are summed up."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq

from audit import init, keys
from audit.errors import AuditError
from audit.keys import Keys
from audit.log import Log
from audit.receipt import Receipt
from audit.record import Entry, Kind

SENTENCE = "A salted, slow hash means that a stolen table of passwords cannot be looked up, only guessed one by one. "
TEXT = SENTENCE * 20  # about 2 KB
WINDOWS = 8
RECORDS_PER_EXCHANGE = WINDOWS + 2
TENANT = "school"
LATER_US = 4_000_000_000_000_000
ALLOWED: dict[str, Any] = {"action": "ALLOW", "category": None, "score_ppm": 1000}
DIGESTS = {name: name[0] * 64 for name in ("model_digest", "guard_digest", "policy_digest", "terms_digest")}


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one system took records, and milliseconds until each was durable.

    `clients` had one record each under way; None when records came by the clock and waited for no answer.
    """

    system: str
    clients: int | None
    records_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    objects_per_s: float | None = None
    bytes_per_record: float | None = None

    @classmethod
    def of(
        cls, system: str, clients: int | None, latencies_s: Sequence[float], records_per_s: float, **more: float
    ) -> Self:
        """The rate with the percentiles of its latencies."""
        return cls(system, clients, records_per_s, *percentiles_ms(latencies_s), **more)


def percentiles_ms(latencies_s: Iterable[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 by nearest rank, milliseconds."""
    ordered = sorted(latencies_s)
    if not ordered:
        raise ValueError("expected at least one latency, got none: the run was too short")
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] * 1000 for share in (0.50, 0.95, 0.99))
    return p50, p95, p99


@dataclass(frozen=True, slots=True)
class Home:
    """A root with its keys; the log under test is `exchange-0`."""

    folder: Path

    @classmethod
    def begin(cls, folder: Path) -> Self:
        """Create logs and keys in `folder`."""
        home = cls(folder)
        init.begin(home.root, home.keys_folder, "bench", 1)
        return home

    @property
    def root(self) -> Path:
        return self.folder / "audit"

    @property
    def log_folder(self) -> Path:
        return self.root / "exchange-0"

    @property
    def keys_folder(self) -> Path:
        return self.folder / "keys"

    @property
    def keys(self) -> Keys:
        return keys.load(self.keys_folder)

    def open(self) -> Log:
        return Log.open(self.log_folder, self.keys)


def request_id(number: int) -> str:
    """The id of the benchmark's exchange `number`, shaped like a UUIDv7."""
    return f"01a20a1d-5b64-7007-a833-{number:012x}"


def windows() -> Iterator[Entry]:
    """Records of about 2 KB of text, each under a request id of its own."""
    fields = {"n": 0} | ALLOWED
    return (Entry(Kind.window, request_id(number), 0, TENANT, "ada", fields, TEXT) for number in count())


def faults(records: int) -> Iterator[Entry]:
    """Records without text."""
    fields = {"cause": "guard_unavailable", "stage": "prompt"}
    return (Entry(Kind.fault, request_id(number), 0, TENANT, "ada", fields) for number in range(records))


def exchanges(records: int, subjects: int) -> Iterator[Entry]:
    """Whole exchanges, at least `records` records; exchange n is asked by subject n modulo `subjects`."""
    fields = ALLOWED | DIGESTS | {
        "checks": [{"check": "rules", "action": "ALLOW", "category": None, "score_ppm": 0}],
        "client_request_id": None, "stream": True, "role": "learner", "deadline_us": LATER_US,
        "params": {"max_tokens": 16, "temperature_ppm": 0, "top_p_ppm": 1_000_000, "seed": None},
    }  # fmt: skip
    closing = {"finish_reason": "stop", "windows": WINDOWS, "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    for number in range(math.ceil(records / RECORDS_PER_EXCHANGE)):
        asked = (request_id(number), f"learner-{number % subjects}")
        yield _part(Kind.request, asked, 0, fields, TEXT)
        for n in range(WINDOWS):
            yield _part(Kind.window, asked, n + 1, {"n": n} | ALLOWED, TEXT)
        yield _part(Kind.answer, asked, WINDOWS + 1, closing | ALLOWED, TEXT * WINDOWS)


def _part(kind: Kind, asked: tuple[str, str], seq: int, fields: dict[str, Any], text: str) -> Entry:
    return Entry(kind, asked[0], seq, TENANT, asked[1], fields, text)


def batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    """The entries in lists of `size`; the last may be shorter."""
    while batch := list(islice(entries, size)):
        yield batch


def receipts(results: Iterable[Receipt | AuditError]) -> list[Receipt]:
    """The results, all of which must be receipts: a refused record would make a rate a lie."""
    held = []
    for result in results:
        if isinstance(result, AuditError):
            raise result
        held.append(result)
    return held


@dataclass(frozen=True, slots=True)
class Payload:
    """What our log stores of one record: 0.5 KB of leaf and 2 KB of ciphertext. Other systems get the same."""

    leaf: bytes
    content: bytes

    @classmethod
    def of_a_record(cls, home: Home) -> Self:
        """Append two records and take the second: the first of a commit also carries the seal."""
        receipts(home.open().append(list(islice(windows(), 2))))
        newest = max(home.log_folder.glob("seg/*.parquet"))
        row = pq.read_table(newest, columns=["leaf", "content"]).to_pylist()[-1]
        return cls(row["leaf"], row["content"])
