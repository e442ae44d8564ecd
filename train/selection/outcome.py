"""A candidate, and what was found about it: a file of its own, so that a second call need not measure it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Unit = Literal["share", "perplexity", "bits", "rate", "bytes"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can be measured: weights on this disk, and how many bytes of memory they want."""

    name: str
    folder: Path
    licence: str
    digest: str
    parameters: int
    memory: int


class Score(BaseModel):
    """One measure of one candidate. `low` and `high` are a 95 % interval, None where the measure has none.

    `baseline` is what somebody gets who knows nothing but the commonest answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    group: Literal["quality", "safety", "cost"]
    unit: Unit
    better: Literal["higher", "lower"]
    value: float
    n: int = Field(ge=0)
    low: float | None = None
    high: float | None = None
    baseline: float | None = None


class Outcome(BaseModel):
    """A candidate's scores, or why there are none; `digest` is that of its files, `suite` that of the items."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    licence: str = ""
    parameters: int = 0
    digest: str = ""
    suite: str = ""
    scores: tuple[Score, ...] = ()
    not_measured: str = ""
    seconds: float = 0.0
    machine: str = ""

    def write(self, folder: Path) -> None:
        """Put it into the folder, whole or not at all."""
        work = folder / f".{self.name}.half"
        work.write_text(self.model_dump_json(indent=1) + "\n")
        work.rename(path_of(folder, self.name))


def path_of(folder: Path, name: str) -> Path:
    """Where a candidate's outcome lies."""
    return folder / f"{name}.json"


def earlier(folder: Path, name: str, digest: str, suite: str) -> Outcome | None:
    """What an earlier call found for the same weights on the same items, or None."""
    try:
        found = Outcome.model_validate_json(path_of(folder, name).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if (found.digest, found.suite) == (digest, suite) and found.scores else None
