"""What a model said to each item, kept as JSON Lines so that a second call asks only what is left."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Said(BaseModel):
    """One item's outcome: a text (write), nats over tokens and bytes (weigh), or a letter (pick)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: str
    text: str = ""
    letter: str = ""
    nats: float = 0.0
    tokens: int = 0
    bytes: int = 0


class Transcript:
    """A file that only grows; a line that a kill cut off is dropped and asked again."""

    def __init__(self, path: Path, said: dict[str, Said]) -> None:
        self._path = path
        self.said = said

    @classmethod
    def open(cls, folder: Path, model_digest: str, suite_digest: str) -> Self:
        """The transcript of this model on this suite, new or begun by an earlier call."""
        path = folder / f"answers-{model_digest[:16]}-{suite_digest[:16]}.jsonl"
        found = {each.id: each for each in _whole(path)}
        half = path.with_name(f".{path.name}.half")
        half.write_text("".join(_line(each) for each in found.values()))
        half.rename(path)
        return cls(path, found)

    def add(self, outcomes: Iterable[Said]) -> None:
        """Keep outcomes, in memory and on disk."""
        fresh = list(outcomes)
        with self._path.open("a") as file:
            file.write("".join(_line(each) for each in fresh))
        self.said.update((each.id, each) for each in fresh)


def _line(said: Said) -> str:
    return json.dumps(said.model_dump(exclude_defaults=True), ensure_ascii=True) + "\n"


def _whole(path: Path) -> Iterator[Said]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield Said.model_validate_json(line)
        except ValidationError:
            continue
