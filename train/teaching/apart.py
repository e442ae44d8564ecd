"""Rows that say the same once, and none that an evaluation set holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train import decontaminate, duplicates, evaluation_sets
from train.teaching.rows import Row


def distinct(rows: Sequence[Row]) -> list[Row]:
    """Of rows that are alike, exactly or nearly, one; in the order of their ids.

    A held-out row stays before one that is trained on, then the one with the smallest id.
    """
    once = dict(sorted({each["id"]: each for each in rows}.items()))
    gone = duplicates.duplicates((_rank(each) + name, _said(each)) for name, each in once.items())
    return [each for name, each in once.items() if _rank(each) + name not in gone]


def _rank(row: Row) -> str:
    return {"test": "0 ", "dev": "1 "}.get(row["split"], "2 ")


def uncontaminated(rows: Sequence[Row], folder: Path, knowledge: str) -> tuple[list[Row], dict[str, Any]]:
    """The rows that touch no item of the evaluation sets below a folder, and the report. Raises KnowledgeError."""
    items = decontaminate.index(folder, evaluation_sets.REGISTER, knowledge)
    told = decontaminate.check(rows, items).told()
    return [each for each in rows if each["id"] not in told["removed"]], told


def _said(row: Row) -> str:
    return "\n".join(message["content"] for message in row["messages"])
