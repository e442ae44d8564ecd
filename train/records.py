"""The one record model of the knowledge base: what every feed becomes, and the Parquet columns it is kept in.

A record is a thing (a weakness, a technique, a page), a relation joins two of them, and both say from which bytes of
which source they come. Knows no feed and opens no file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pyarrow as pa


class Status(StrEnum):
    """What its publisher says of a thing. Only what is live is taught; the rest is kept, so that nobody invents it."""

    live = "live"
    rejected = "rejected"
    revoked = "revoked"
    deprecated = "deprecated"


class Predicate(StrEnum):
    """How the subject of a relation stands to its object."""

    has_weakness = "has_weakness"  # CVE -> CWE
    exploits = "exploits"  # CAPEC -> CWE, whichever of the two feeds says so
    maps_to = "maps_to"  # CAPEC or ATLAS technique -> ATT&CK technique; D3FEND -> CWE
    child_of = "child_of"  # CWE, CAPEC, technique, D3FEND -> the broader one
    follows = "follows"  # CAPEC, CWE: the object can come before the subject
    in_tactic = "in_tactic"  # technique -> tactic
    mitigates = "mitigates"  # mitigation -> technique or CAPEC
    detects = "detects"  # detection strategy, Sigma rule, data component -> technique or CVE
    part_of = "part_of"  # analytic -> detection strategy; data component -> data source; weakness -> weakness group
    uses = "uses"  # group, campaign, malware, tool, case study -> technique, malware, tool
    attributed_to = "attributed_to"  # campaign -> group
    targets = "targets"  # technique -> asset
    counters = "counters"  # D3FEND technique -> ATT&CK technique
    about = "about"  # KEV entry, NVD entry, advisory, Sigma rule -> CVE
    exercises = "exercises"  # atomic test -> technique
    revoked_by = "revoked_by"  # a thing -> the one that took its place


# kind -> the facts that it may have. A fact is a name and one or more values, all strings.
FACTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        kind: frozenset(names.split())
        for kind, names in {
            "cve": "published assigner product vendor cvss_vector cvss_score severity ssvc reference format",
            "nvd": "published cvss_vector cvss_score severity reference status",
            "weakness": "abstraction extended consequence mitigation detection platform likelihood usage",
            "weakness_group": "abstraction",
            "attack_pattern": "abstraction likelihood severity prerequisite consequence extended mitigation skill",
            "tactic": "shortname domain",
            "technique": "tactic platform domain url reference mitigation subtechnique",
            "mitigation": "domain url",
            "group": "alias domain url",
            "campaign": "alias first_seen last_seen domain url",
            "malware": "alias platform domain url",
            "tool": "alias platform domain url",
            "detection_strategy": "domain url",
            "analytic": "platform log_source mutable domain url",
            "data_source": "platform domain url",
            "data_component": "log_source domain url",
            "asset": "sector platform domain url alias",
            "case_study": "actor target step url",
            "defence": "synonym artifact how reference",
            "exploited": "vendor product added due action ransomware note cwe",
            "advisory": "publisher product vendor cvss_vector cvss_score severity published remedy reference",
            "guide": "page section",
            "requirement": "chapter section level cwe",
            "rule": "level state logsource logic false_positive author reference date",
            "paper": "author published category topic pdf",
            "exercise": "platform executor",
        }.items()
    }
)


class BadRecord(ValueError):
    """A feed's element that cannot become a record; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something comes from: bytes start to end of an uncompressed member, and their SHA-256."""

    source: str  # its name in sources.toml
    member: str  # FILE, or FILE!PATH for a file in an archive
    start: int
    end: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Record:
    """One thing. id is the publisher's own where there is one; text is plain prose or Markdown, as published."""

    id: str
    kind: str
    name: str
    text: str
    status: Status = Status.live
    version: str = ""
    modified: str = ""  # ISO 8601 date or time, as published
    url: str = ""
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in FACTS:
            raise BadRecord(f"expected a kind of record, got {self.kind!r}")
        if not self.id or len(self.id) > 500 or not self.id.isprintable():
            raise BadRecord(f"expected an id of 1 to 500 printable characters, got {self.id[:80]!r}")
        strange = set(self.facts) - FACTS[self.kind]
        if strange:
            raise BadRecord(f"expected facts of {self.kind}, got {sorted(strange)}")


@dataclass(frozen=True, slots=True)
class Relation:
    """subject predicate object, by record ids; text says more where the feed does."""

    subject: str
    predicate: Predicate
    object: str
    text: str = ""
    status: Status = Status.live


@dataclass(frozen=True, slots=True)
class Aside:
    """An element that is part of the feed's bookkeeping and no knowledge; counted, not kept."""

    reason: str


Item = Record | Relation | Aside


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An element that could not be read, by itself; the rest of the feed goes on."""

    id: str  # as far as it could be told
    reason: str


_ORIGIN = [
    ("source", pa.string()), ("member", pa.string()), ("start", pa.int64()), ("end", pa.int64()),
    ("sha256", pa.string()),
]  # fmt: skip
_STRINGS = pa.list_(pa.string())
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "records": pa.schema(
            [
                *((name, pa.string()) for name in ("id", "kind", "name", "text", "status", "version", "modified",
                                                   "url")),
                ("facts", pa.map_(pa.string(), _STRINGS)), *_ORIGIN,
            ]
        ),
        "relations": pa.schema(
            [*((name, pa.string()) for name in ("subject", "predicate", "object", "text", "status")), *_ORIGIN]
        ),
        "quarantine": pa.schema([("id", pa.string()), ("reason", pa.string()), *_ORIGIN]),
    }
)  # fmt: skip


def _row(item: Record | Relation | Quarantined, origin: Origin) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in item.__slots__}
    if isinstance(item, Record):
        row["facts"] = sorted((name, list(values)) for name, values in item.facts.items())
    return row | {name: getattr(origin, name) for name in Origin.__slots__}


def table(name: str, rows: Iterable[tuple[Record | Relation | Quarantined, Origin]]) -> pa.Table:
    """Rows as one of the SCHEMAS."""
    return pa.Table.from_pylist([_row(item, origin) for item, origin in rows], schema=SCHEMAS[name])
