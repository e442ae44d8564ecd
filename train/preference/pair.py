"""A preference: a question, the answer to give and the answer not to give; and the Parquet file that keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from deployments.chat import Turn
from train.errors import DatasetError
from train.parts import located
from train.teaching.store import put

NAME = "pairs.parquet"
Side = Literal["refuse", "answer"]  # what the better answer does, where the worse one does the other
SIDES: tuple[Side, Side] = ("refuse", "answer")

_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("side", pa.string()),
        ("origin", pa.string()),
        ("split", pa.string()),
        ("prompt", pa.list_(_TURN)),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Pair:
    """`id` is that of the row of the teaching set; `origin` names its family and where the worse answer is from:

    refuse/model, refuse/bank, benign/bank, lesson/bare or lesson/flat.
    """

    id: str
    side: Side
    origin: str
    split: str
    prompt: tuple[Turn, ...]
    chosen: str
    rejected: str


def write(place: str, pairs: Sequence[Pair]) -> None:
    """Put the pairs into a folder or URI, whole or not at all."""
    rows = [
        {
            "id": each.id, "side": each.side, "origin": each.origin, "split": each.split,
            "prompt": [{"role": turn.role, "content": turn.content} for turn in each.prompt],
            "chosen": each.chosen, "rejected": each.rejected,
        }
        for each in pairs
    ]  # fmt: skip
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), buffer, compression="zstd")
    put(place, NAME, buffer.getvalue().to_pybytes())


def read(place: str) -> list[Pair]:
    """The pairs of a folder or URI in the order written; raises DatasetError."""
    files, root = located(place)
    try:
        rows = pq.read_table(f"{root}/{NAME}", filesystem=files, schema=SCHEMA).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{place}: expected {NAME} of a run, got {error}") from error
    return [
        Pair(
            row["id"], row["side"], row["origin"], row["split"],
            tuple(Turn(turn["role"], turn["content"]) for turn in row["prompt"]), row["chosen"], row["rejected"],
        )
        for row in rows
    ]  # fmt: skip
