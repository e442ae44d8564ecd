"""attempts.parquet: one row per attempt. disguised.jsonl: of a held-out campaign, what challengers are asked."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from train.attack.attempt import Tried

ATTEMPTS, DISGUISED = "attempts.parquet", "disguised.jsonl"
_TEXTS = (
    "campaign", "attempt", "tool", "technique", "seed", "side", "label", "expected", "text", "outcome", "ending",
    "action", "category",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("score", pa.float64()),
        *((name, pa.string()) for name in ("finish_reason", "request_id", "model_digest", "guard_digest",
                                           "policy_digest", "code")),
        ("status", pa.int32()), ("ms", pa.int32()),
    ]
)  # fmt: skip


def write(folder: Path, campaign: str, tried: Iterable[Tried]) -> None:
    """Write the table, whole or not at all."""
    work = folder / f".{ATTEMPTS}.half"
    pq.write_table(pa.Table.from_pylist([_row(campaign, each) for each in tried], schema=SCHEMA), work)
    work.chmod(0o600)
    work.rename(folder / ATTEMPTS)


def write_disguised(folder: Path, tried: Sequence[Tried]) -> None:
    """Text and label of each attempt, as `train.challenge --disguised` reads them."""
    lines = [json.dumps({"text": each.text, "label": each.attempt.category}) for each in tried if each.text]
    (folder / DISGUISED).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _row(campaign: str, tried: Tried) -> dict[str, object]:
    made, answer = tried.attempt, tried.answer
    told = {name: getattr(answer, name) for name in SCHEMA.names if name in answer.__slots__}
    return told | {
        "campaign": campaign, "attempt": made.id, "tool": made.technique.partition(":")[0],
        "technique": made.technique, "seed": made.seed, "side": made.side, "label": made.category,
        "expected": made.expected, "text": tried.text, "outcome": tried.outcome,
    }  # fmt: skip
