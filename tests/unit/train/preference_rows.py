"""A teaching set with all families that preferences are made of, on every split."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from train.teaching.rows import SCHEMA

FAMILIES = (("define", "answer"), ("refuse", "refuse"), ("lesson", "teach"), ("benign", "answer"), ("refuse", "refuse"))
SPLITS = ("train", "train", "train", "dev", "test")


def write_preference_rows(folder: Path, count: int = 100, families: tuple[tuple[str, str], ...] = FAMILIES) -> Path:
    """Rows of the schema that train.pairs writes; their texts tell row and family."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        family, verdict = families[number % len(families)]
        messages = [
            {"role": "user", "content": f"Thing {number} of {family}?"},
            {"role": "assistant", "content": f"This is the {family} answer {number}."},
        ]
        rows.append(
            dict.fromkeys(SCHEMA.names)
            | {
                "id": hashlib.sha256(f"{number}".encode()).hexdigest()[:32], "messages": messages, "family": family,
                "verdict": verdict, "split": SPLITS[number // 5 % 5], "template_id": f"{family}.form/1.1",
                "template_split": "test" if number % 25 == 1 else "train", "object_ids": [f"X-{number}"],
                "source": ["own"], "license": "CC0-1.0", "shard": "own", "credits": [], "origins": [], "canary": False,
            }
        )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "part-0000.parquet")
    return folder
