"""The register of sources, `train/sources.toml`: `python -m train.sources` prints it as docs/data-sources.md has it.

A source without licence, attribution, allowed use and authorisation is no source: loading refuses the whole register.
"""

import argparse
import datetime
import fnmatch
import hashlib
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from train.errors import SourceError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

REGISTER = Path(__file__).with_suffix(".toml")
Text = Annotated[str, Field(pattern=r"\S", max_length=1000)]
Address = Annotated[str, Field(pattern=r"^https://[^\s/]+/\S*$")]
Use = Literal["training", "retrieval", "evaluation", "seeds"]
FileName = Annotated[str, Field(pattern=r"^\w[\w.{}-]*$")]
Finder = Annotated[str, Field(pattern=r"^(?:cve-releases|attack-index [a-z-]+|years-since \d{4})?$")]


def _known_parser(name: str) -> str:
    from train.feeds.table import FEEDS

    if name not in FEEDS:
        raise ValueError(f"expected one of {', '.join(FEEDS)}; got {name!r}")
    return name


Parser = Annotated[str, AfterValidator(_known_parser)]


class Package(BaseModel):
    """An installed package that holds a source's feed, too; the comment at the head of the register says more."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
    path: Annotated[str, Field(pattern=r"^\w[\w.*/-]*$")]
    parser: Parser
    notice: Text


class Source(BaseModel):
    """One source. The comment at the head of the register says what each field is for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Text
    address: list[Address]
    saved_as: FileName = ""
    newest: Finder = ""
    within: Address | None = None
    licence: Text
    licence_url: Address
    attribution: Text
    citation: Text
    allowed_use: list[Use] = Field(min_length=1)
    authorised_by: Text
    authorised_on: datetime.date
    rhythm: Text
    parser: Parser
    shard: str = "open"
    optional: bool = False
    files: list[Text] = Field(min_length=1)
    members: list[Text] = []
    passed_over: dict[str, Text] = {}
    package: Package | None = None

    @field_validator("authorised_on")
    @classmethod
    def _has_come(cls, day: datetime.date) -> datetime.date:
        if day > datetime.datetime.now(datetime.UTC).date():
            raise ValueError(f"expected a day that has come, got {day}")
        return day

    @model_validator(mode="after")
    def _can_be_fetched(self) -> Self:
        if not self.address and not self.optional:
            raise ValueError("address: expected one, or a source that is optional; got none")
        if self.address and not self.saved_as:
            raise ValueError("saved_as: expected a file name, got none")
        if len(self.address) > 1 and "{n}" not in self.saved_as:
            raise ValueError(f"saved_as: expected {{n}} in it for several addresses, got {self.saved_as!r}")
        if self.newest.startswith(("cve", "attack")) and not self.within:
            raise ValueError("within: expected what addresses out of an index begin with, got none")
        return self

    def matches(self, path: str) -> bool:
        """Whether a file, by its path in the folder of feeds, belongs to this source."""
        passed = any(fnmatch.fnmatchcase(path, pattern) for pattern in self.passed_over)
        return not passed and any(fnmatch.fnmatchcase(path, pattern) for pattern in self.files)

    def credit(self, feeds: Iterable[str]) -> str:
        """The attribution, and the package's notice where one of these feed files, by its path, is the package's."""
        held = self.package
        if held and any(fnmatch.fnmatchcase(feed, held.path) for feed in feeds):
            return f"{self.attribution} {held.notice}"
        return self.attribution


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
        raise SourceError("; ".join(_said(name, each) for each in error.errors())) from error


def _said(name: str, error: "ErrorDetails") -> str:
    field = ".".join(str(part) for part in error["loc"])
    told = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if error["type"] == "missing":
        told = "expected it, got none"
    elif ", got" not in told and "; got" not in told:
        told = f"{told}; got {str(error['input'])[:80]!r}"
    return ": ".join(part for part in (name, field, told) if part)


def digest(path: Path = REGISTER) -> str:
    """SHA-256 of the register."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def table(register: dict[str, Source]) -> str:
    """The register as a Markdown table."""
    head = ("source", "what", "licence", "use", "shard", "renewed", "files in DIR", "package")
    rows = [
        (f"`{name}`" + (" (optional)" if each.optional else ""), each.title, f"[{each.licence}]({each.licence_url})",
         ", ".join(each.allowed_use), each.shard, each.rhythm, ", ".join(f"`{pattern}`" for pattern in each.files),
         f"`{each.package.name}`" if each.package else "")
        for name, each in register.items()
    ]  # fmt: skip
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notices(register: dict[str, Source]) -> str:
    """The attributions that the licences ask for, as a Markdown list; one of several sources stands once.

    Then the notices of packages, which stand beside them where a feed comes from there.
    """
    named: dict[str, list[str]] = {}
    for name, each in register.items():
        named.setdefault(each.attribution, []).append(f"`{name}`")
    lines = [f"- {', '.join(names)}: {notice}" for notice, names in named.items()]
    held = [(name, each.package) for name, each in register.items() if each.package]
    return "\n".join([*lines, *(f"- `{name}` out of `{each.name}`: {each.notice}" for name, each in held)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print table and notices; the exit status."""
    argparse.ArgumentParser(prog="python -m train.sources", description=__doc__.split("\n")[0]).parse_args(arguments)
    try:
        register = load()
    except SourceError as error:
        print(f"sources: {error}", file=sys.stderr)
        return 2
    print(f"{table(register)}\n\n{notices(register)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
