"""The sets that models are measured on, `train/evaluation_sets.toml`, read item by item."""

import gzip
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.errors import KnowledgeError

REGISTER = Path(__file__).with_suffix(".toml")
Name = Annotated[str, Field(pattern=r"\S")]


class EvaluationError(KnowledgeError):
    """A list of sets, or a set, that cannot be read; the message names it."""


class EvaluationSet(BaseModel):
    """One set: JSON Lines at path, below the folder of data. more: fields beside the text that belong to an item."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: Name
    text: Name = "text"
    more: list[Name] = []


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a set; whole is it with what else belongs to it, such as its options."""

    set: str
    id: str
    question: str
    whole: str


def load(path: Path = REGISTER) -> dict[str, EvaluationSet]:
    """All sets by name; raises EvaluationError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: EvaluationSet.model_validate(table) for name, table in tables.items()}
    except (OSError, ValueError, ValidationError) as error:
        raise EvaluationError(
            f"{path.name}: expected a TOML table of path, text, more for each set; {error}"
        ) from error


def items(name: str, chosen: EvaluationSet, folder: Path) -> Iterator[Item]:
    """The items of a set; raises EvaluationError that names file and line."""
    path = folder / chosen.path
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _item(name, chosen, line, number)
    except (OSError, EOFError) as error:
        raise EvaluationError(f"{name}: expected JSON Lines at {chosen.path}, got {error}") from error


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _item(name: str, chosen: EvaluationSet, line: bytes, number: int) -> Item:
    try:
        row: Any = json.loads(line)
        question = row[chosen.text]
        parts = [question, *(part for each in chosen.more for part in _strings(row[each]))]
        return Item(name, str(row.get("id", f"{name}:{number}")), question.strip(), "\n".join(parts))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        told = f"expected an object with {', '.join([chosen.text, *chosen.more])}; {type(error).__name__}: {error}"
        raise EvaluationError(f"{name}: {chosen.path}:{number}: {told}") from error


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value]
