"""The register of sources, `train/sources.toml`: `python -m train.sources` prints it as docs/data-sources.md has it.

A source without licence, attribution, allowed use and authorisation is no source: loading refuses the whole register.
"""

import datetime
import fnmatch
import hashlib
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from train.errors import SourceError

REGISTER = Path(__file__).with_suffix(".toml")
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Address = Annotated[str, Field(pattern=r"^https://[^\s/]+/\S*$")]
Use = Literal["training", "retrieval", "seeds"]


class Source(BaseModel):
    """One source. shard: rows from it lie apart from others, for its licence's sake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Text
    address: list[Address]
    newest: str = ""
    licence: Text
    licence_url: Address
    attribution: Text
    allowed_use: list[Use] = Field(min_length=1)
    authorised_by: Text
    authorised_on: datetime.date
    rhythm: Text
    parser: Text
    shard: str = "open"
    optional: bool = False
    files: list[Text] = Field(min_length=1)
    members: list[Text] = []
    passed_over: dict[str, Text] = {}

    @field_validator("authorised_on")
    @classmethod
    def _has_come(cls, day: datetime.date) -> datetime.date:
        if day > datetime.datetime.now(datetime.UTC).date():
            raise ValueError(f"expected a day that has come, got {day}")
        return day

    @field_validator("parser")
    @classmethod
    def _exists(cls, name: str) -> str:
        from train.feeds.table import FEEDS

        if name not in FEEDS:
            raise ValueError(f"expected one of {', '.join(FEEDS)}; got {name!r}")
        return name

    def matches(self, path: str) -> bool:
        """Whether a file, by its path in the folder of feeds, belongs to this source."""
        passed = any(fnmatch.fnmatchcase(path, pattern) for pattern in self.passed_over)
        return not passed and any(fnmatch.fnmatchcase(path, pattern) for pattern in self.files)


def load(path: Path = REGISTER) -> dict[str, Source]:
    """All sources by name; raises SourceError that names source and field."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name}: expected a TOML file, got {error}") from error
    return {name: _source(name, table) for name, table in tables.items()}


def _source(name: str, table: object) -> Source:
    try:
        return Source.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the table"
        got = "" if first["type"] == "missing" else f"; got {str(first['input'])[:80]!r}"
        raise SourceError(f"{name}: {field}: {first['msg']}{got}") from error


def digest(path: Path = REGISTER) -> str:
    """SHA-256 of the register."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def table(register: dict[str, Source]) -> str:
    """The register as Markdown."""
    head = ("source", "what", "licence", "use", "renewed", "attribution")
    rows = [
        (f"`{name}`" + (" (optional)" if each.optional else ""), each.title, f"[{each.licence}]({each.licence_url})",
         ", ".join(each.allowed_use), each.rhythm, each.attribution)
        for name, each in register.items()
    ]  # fmt: skip
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Print the table; the exit status."""
    try:
        print(table(load()))
    except SourceError as error:
        print(f"sources: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
