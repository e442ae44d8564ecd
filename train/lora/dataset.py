"""Rows of a teaching set as conversations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.chat import SYSTEM, Turn
from train import row_files
from train.described import combined
from train.errors import DatasetError, KnowledgeError
from train.lora.plan import Plan
from train.parts import file_digest, located

COLUMNS = ("id", "messages", "family", "verdict", "split", "template_split", "canary")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row: the system's turn, what was asked and, as the last turn, what is to be answered."""

    id: str
    turns: tuple[Turn, ...]
    family: str
    verdict: str
    split: str
    template_split: str
    canary: bool


@dataclass(frozen=True, slots=True)
class TeachingSet:
    """Rows in the order of their ids; the digest is that of the set's files, which its lineage and the log name too."""

    digest: str
    rows: tuple[Conversation, ...]


def read(uri: str, split: str | None = None) -> TeachingSet:
    """The rows of a split, or all; raises DatasetError where columns or rows lack."""
    try:
        found = sorted(_conversations(row_files.rows(uri, COLUMNS)), key=lambda row: row.id)
    except KnowledgeError as error:
        raise DatasetError(f"{error} (train.pairs makes such a set)") from error
    kept = tuple(row for row in found if split in (None, row.split))
    if not kept:
        raise DatasetError(f"{uri}: expected rows{f' of split {split}' if split else ''}, found none")
    return TeachingSet(_digest(uri), kept)


def sample(found: Iterable[Conversation], plan: Plan) -> list[Conversation]:
    """Which rows to train on: all, or `plan.rows` by the mix. Ways to ask that are held out are left out.

    Each row has a fixed number of its own, and the mix only moves the bar that it must pass, so a larger sample holds
    the smaller one. Canaries always stay: an audit that never saw its bait would prove nothing.
    """
    usable = [row for row in found if row.template_split != "test"]
    if not usable:
        raise DatasetError("expected rows with template_split train, found none")
    weights = {row.id: plan.mix.get(row.family, 1.0) for row in usable}
    usable = [row for row in usable if weights[row.id] > 0]
    if not plan.rows or plan.rows >= len(usable):
        return usable

    def place(row: Conversation) -> float:  # Efraimidis and Spirakis 2006: weighted sampling without replacement
        chance = (int(row.id[:13], 16) + 1) / 2.0**52
        return -1.0 if row.canary else -(chance ** (1 / weights[row.id]))

    return sorted(sorted(usable, key=lambda row: (not row.canary, place(row)))[: plan.rows], key=lambda row: row.id)


def _digest(uri: str) -> str:
    files, paths = row_files.found(uri)
    root = located(uri)[1].rstrip("/")
    return combined({path.removeprefix(f"{root}/"): file_digest(files, path) for path in paths})


def _conversations(found: Iterable[Mapping[str, Any]]) -> Iterable[Conversation]:
    for row in found:
        turns = tuple(Turn(message["role"], message["content"]) for message in row["messages"])
        if not turns or turns[0].role == "system" or turns[-1].role != "assistant" or not turns[-1].content:
            raise DatasetError(f"row {row['id']}: expected messages without a system's turn that end with an answer")
        if not row["id"] or any(character not in "0123456789abcdef" for character in row["id"]):
            raise DatasetError(f"row {row['id']!r}: expected an id of hexadecimal digits")
        fields = (row["family"], row["verdict"], row["split"], row["template_split"], bool(row["canary"]))
        yield Conversation(row["id"], (Turn("system", SYSTEM), *turns), *fields)
