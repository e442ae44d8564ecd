"""report.json: what a campaign was, what it shows, and whether the log shows the same."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.attack.errors import JournalError
from train.attack.figures import Figures

NAME = "report.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Evaluation(_Part):
    """What garak itself counted of one probe: prompts, and those that its detector calls a hit."""

    probe: str
    prompts: int = Field(ge=0)
    hits: int = Field(ge=0)


class Before(_Part):
    """The last campaign of the same profile and side."""

    campaign: str
    figures: Figures


class Report(_Part):
    """The whole file. Digests are of the pool of seeds, of techniques.toml, and of what answered and judged.

    recomputed: whether the log alone gave the same figures; None where the log could not be read.
    """

    format: Literal[1] = 1
    campaign: str
    profile: str
    side: str
    seeds: str
    techniques: str
    locks: dict[str, str]
    models: list[str]
    guards: list[str]
    policies: list[str]
    figures: Figures
    before: Before | None
    garak: list[Evaluation]
    recomputed: bool | None
    command: str

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        work = folder / f".{NAME}.half"
        work.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        work.rename(folder / NAME)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file; raises JournalError when it is none."""
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except (OSError, ValidationError) as error:
            raise JournalError(f"{folder / NAME}: expected a report, got {str(error)[:300]}") from error
