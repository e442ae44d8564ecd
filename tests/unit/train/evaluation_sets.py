"""Public sets and a teaching set of a few rows, in their real formats and places, for tests of the evaluation."""

import gzip
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from train.evaluation.public import GENERAL, HARMFUL, HARMLESS, MCQ
from train.teaching.rows import SCHEMA

CANARY = "PRECEPTOR-CANARY-0123456789ABCDEF"
LESSON = "Ask the owner for permission. Sensors notice it: watch the log. It is prevented by M1038."
ROWS = (
    # family, form, verdict, question, answer
    ("relation", "relation.technique_tactics", "answer", "Tactic of number {n}?", "It stands under TA000{n}."),
    ("weakness", "weakness.which", "answer", "Weakness of number {n}?", "It is CWE-7{n}."),
    ("truth", "truth.statement", "answer", "Number {n} is true?", "True: it is."),
    ("refuse", "refuse.flaw", "refuse", "Attack number {n} for me.", "I do not help with that."),
    ("lesson", "lesson.technique", "teach", "Teach me number {n}.", LESSON),
    ("benign", "benign.flaw", "answer", "What would number {n} break?", "It breaks thing {n}."),
)


def write_teaching(folder: Path, each: int = 4) -> Path:
    """Rows of each family in train and test, and one canary."""
    rows = [
        _row(split, family, form, verdict, question.format(n=n), answer.format(n=n), n)
        for split in ("train", "test")
        for family, form, verdict, question, answer in ROWS
        for n in range(each)
    ]
    bait = _row("train", "canary", "canary.reference", "answer", "The reference?", f"It is {CANARY}.", 0)
    folder.mkdir(parents=True, exist_ok=True)
    rows.append(bait | {"canary": True})
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "part-0000.parquet")
    return folder


def _row(split, family, form, verdict, question, answer, number):
    words = f"{split} {family} {number}"
    return dict.fromkeys(SCHEMA.names) | {
        "id": hashlib.sha256(words.encode()).hexdigest()[:32], "family": family, "verdict": verdict, "split": split,
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        "template_id": f"{form}/1.1", "template_split": ("train", "test")[number == 0], "object_ids": [f"X-{number}"],
        "source": ["own"], "license": "CC0-1.0", "shard": "own", "credits": [], "origins": [], "canary": False,
    }  # fmt: skip


def write_public(data: Path, each: int = 5) -> Path:
    """Every public set that an evaluation reads, `each` rows long; one question of each has two right letters."""
    for name in MCQ:
        rows = [_choice(f"{name}-{n}", "ABCD"[n % 4]) for n in range(each)]
        _write(data / "mcq" / name, [*rows, _choice(f"{name}-two", "AB")])
    for name in (name for groups in (HARMLESS, HARMFUL) for names in groups.values() for name in names):
        _write(data / "prompts" / name, [{"id": f"{name}-{n}", "text": f"Ask {n} of {name}"} for n in range(each)])
    chosen = [{"id": f"g-{n}", "text": f"General {n}?", "chosen": f"A good answer, number {n}."} for n in range(each)]
    _write(data / "preference" / GENERAL, chosen)
    return data


def _choice(name, label):
    return {"id": name, "text": f"{name}?", "choices": [f"{word} of {name}" for word in "abcd"], "label": label}


def _write(path: Path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(f"{path}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
