"""What a report is: a file of `catalogue/`, checked once when it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.reports.errors import BadOrder

CATALOGUE = Path(__file__).with_name("catalogue")
Unit = Literal["text", "time", "count", "number", "share", "seconds", "ms", "days", "digest", "flag", "list"]
Words = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnOf(_Part):
    """One column. With `of` it is the share that `name` is of that other field, with its interval."""

    name: Words
    heading: Words
    unit: Unit = "text"
    of: str | None = None


class ChartOf(_Part):
    """Bars over a section's rows: the column that labels them, and the one of their heights (of a share: its value)."""

    heading: Words
    label: Words
    value: Words


class SectionOf(_Part):
    """One section, out of one source: `sql` over the views, `evidence` at a path of a JSON file, `data` beside the
    catalogue, or `missing`, which says why the log holds nothing of it."""

    heading: Words
    says: Words
    sql: str | None = None
    evidence: str | None = None
    at: str = ""
    data: str | None = None
    missing: str | None = None
    columns: tuple[ColumnOf, ...] = ()
    figures: bool = False
    chart: ChartOf | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.sql, self.evidence, self.data, self.missing)) != 1:
            raise ValueError("expected one of sql, evidence, data, missing")
        if (self.missing is None) != bool(self.columns):
            raise ValueError("expected columns, and none with missing")
        return self


class EvidenceOf(_Part):
    """A file that the report asks for, by its name."""

    file: Words
    holds: Words


class Definition(_Part):
    """One report."""

    number: int = Field(ge=1)
    title: Words
    purpose: Words
    evidence: tuple[EvidenceOf, ...] = ()
    sections: Annotated[tuple[SectionOf, ...], Field(min_length=1)]


def names() -> list[str]:
    """The reports there are, in the order of their numbers."""
    return sorted((path.stem for path in CATALOGUE.glob("*.yaml")), key=lambda name: read(name)[0].number)


def read(name: str) -> tuple[Definition, str]:
    """A report's definition and the SHA-256 of its file; BadOrder for a name that is none."""
    if name not in {path.stem for path in CATALOGUE.glob("*.yaml")}:
        raise BadOrder(f"report: expected a name that --list gives, got {name[:64]!r}")
    data = (CATALOGUE / f"{name}.yaml").read_bytes()
    try:
        return Definition.model_validate(yaml.safe_load(data)), hashlib.sha256(data).hexdigest()
    except (yaml.YAMLError, ValidationError) as error:
        raise BadOrder(f"{name}.yaml: expected a report, got {error}") from error
