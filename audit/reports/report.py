"""A report as it is before it has a form. Plain data; every form is made from this and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.reports.period import Period
from audit.reports.share import Share

FORMAT = 1

Value = str | int | float | bool | datetime | Share | list[Any] | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` says what its values are, see `audit.reports.definition`."""

    name: str
    heading: str
    unit: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of `columns`. `figures`: it is one row, read from top to bottom. `cut`: there are more rows."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    figures: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from zero, one for each label."""

    heading: str
    unit: str
    bars: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: its table, or in `absent` why there is none."""

    heading: str
    says: str
    table: Table | None = None
    chart: Chart | None = None
    absent: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A log as it was verified; root in base 64. `signed` is its checkpoint (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: str
    signed: str | None


@dataclass(frozen=True, slots=True)
class Integrity:
    """What `audit.verify` found, and what the report rests on."""

    valid: bool
    key_source: str
    verifier_key: str | None
    first_bad: dict[str, Any] | None
    notes: tuple[str, ...]
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file from outside the log. named_by: kinds of record that name its SHA-256; expected: what it should hold."""

    name: str
    sha256: str
    data: bytes
    named_by: tuple[str, ...]
    expected: str | None = None

    @property
    def text(self) -> str | None:
        """Its text; None if it is not UTF-8."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Absent:
    """Evidence that nobody gave."""

    name: str
    expected: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made a report: version of the application, and SHA-256 of the report's definition."""

    version: str
    definition: str
    made: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `policies`: what was in force at any time of the period."""

    name: str
    number: int
    title: str
    purpose: str
    period: Period
    maker: Maker
    integrity: Integrity
    policies: Section
    sections: tuple[Section, ...]
    evidence: tuple[Evidence, ...]
    absent: tuple[Absent, ...]
