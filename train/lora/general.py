"""General conversations: what a model must not forget while it learns its lessons. JSON Lines, plain or gzip."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.chat import SYSTEM, ChatFormat, Turn
from train.errors import DatasetError
from train.lora.dataset import Conversation
from train.lora.packing import Example, encode


@dataclass(frozen=True, slots=True)
class General:
    """The conversations of a file, encoded, and the file's digest."""

    examples: tuple[Example, ...]
    digest: str


def read(path: Path, chat: ChatFormat, length: int) -> General:
    """All that fit into `length` tokens, in an order that the digests of their ids decide. Raises DatasetError.

    A line has text and chosen, or prompt and response; `ended` false says that the answer was cut off, so that its end
    is nothing to learn from.
    """
    found = sorted(_lines(path), key=lambda row: hashlib.sha256(row[0].id.encode()).digest())
    made = (encode(chat, row, length, ended=ended) for row, ended in found)
    examples = tuple(each for each in made if each is not None)
    if not examples:
        raise DatasetError(f"{path.name}: expected conversations of at most {length} tokens, found none")
    with path.open("rb") as file:
        return General(examples, hashlib.file_digest(file, "sha256").hexdigest())


def _lines(path: Path) -> Iterator[tuple[Conversation, bool]]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for line in lines:
                row: dict[str, Any] = json.loads(line)
                ask, answer = row.get("text") or row["prompt"], row.get("chosen") or row["response"]
                turns = (Turn("system", SYSTEM), Turn("user", ask), Turn("assistant", answer))
                name = str(row.get("id") or ask)
                told = Conversation(name, turns, "general", "answer", "train", "train", canary=False)
                yield told, bool(row.get("ended", True))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path.name}: expected JSON Lines with prompt and response, got {error}") from error
