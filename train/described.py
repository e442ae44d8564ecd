"""What a dataset is made of, as its lineage papers need it. Plain data; knows no format and opens no file."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from train.errors import KnowledgeError

RESPONSIBLE = frozenset(
    {"dataCollection", "dataCollectionType", "dataCollectionMissingData", "dataCollectionRawData",
     "dataPreprocessingProtocol", "dataManipulationProtocol", "dataAnnotationProtocol", "dataBiases", "dataUseCases",
     "dataLimitations", "dataSocialImpact", "personalSensitiveInformation", "dataReleaseMaintenancePlan"}
)  # fmt: skip
_DIGEST, _DAY = re.compile(r"[0-9a-f]{64}"), re.compile(r"|\d{4}-\d{2}-\d{2}")


class BadDescription(KnowledgeError):
    """A description that no paper could be made of; the message names the field."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of the dataset; path as it lies below the dataset's place."""

    path: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where rows come from. digest: SHA-256 over the feeds that were read; address may be empty."""

    name: str
    title: str
    licence: str
    licence_url: str
    address: str
    attribution: str
    digest: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model that had a part in making the dataset. task: what it did, e.g. token-classification."""

    name: str
    version: str
    licence: str
    digest: str
    task: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column. type: string, int, float or bool; many: it holds a list; parts: it holds (lists of) structures."""

    name: str
    type: str
    told: str
    many: bool = False
    parts: tuple["Column", ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Files of one schema. key: the column by which a row is found, or nothing."""

    name: str
    files: tuple[DataFile, ...]
    columns: tuple[Column, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """A dataset that this one was made of."""

    name: str
    digest: str
    licence: str


@dataclass(frozen=True, slots=True)
class Described:
    """A dataset. responsible: what is said of its making, by Croissant's RAI terms.

    date is that of its newest data, or "" where none states one: no clock has a part in it.
    """

    name: str
    version: str
    description: str
    date: str
    licence: str  # an SPDX expression of all that is in it
    tables: tuple[Table, ...]
    sources: tuple[DataSource, ...]
    parents: tuple[Parent, ...] = ()
    models: tuple[Model, ...] = ()
    responsible: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        digests = [(each.path, each.sha256) for each in self.files]
        digests += [(each.name, each.digest) for each in self.sources]
        digests += [(each.name, each.digest) for each in self.parents]
        digests += [(each.name, each.digest) for each in self.models]
        for name, digest in digests:
            _require(name, digest, _DIGEST, "64 hexadecimal digits")
        _require("date", self.date, _DAY, "a day like 2026-01-31")
        if not self.files or not all(each.columns for each in self.tables):
            raise BadDescription("tables: expected files and columns, got none")
        strange = sorted(set(self.responsible) - RESPONSIBLE)
        if strange:
            raise BadDescription(f"responsible: expected terms of Croissant RAI, got {', '.join(strange)}")

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Those of all tables."""
        return tuple(file for table in self.tables for file in table.files)

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of all files."""
        return combined({each.path: each.sha256 for each in self.files})

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(each.rows for each in self.files)


def combined(digests: Mapping[str, str]) -> str:
    """One digest over the digests of named files."""
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()


def _require(name: str, value: str, pattern: re.Pattern[str], expected: str) -> None:
    if not pattern.fullmatch(value):
        raise BadDescription(f"{name}: expected {expected}, got {value[:80]!r}")
