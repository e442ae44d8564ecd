"""The part of the knowledge base that pairs are made from: things by id, and how they stand to each other."""

import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from train.errors import KnowledgeError
from train.parts import located
from train.records import SCHEMAS, Origin, Predicate, Record, Status
from train.teaching.split import number

_NUMEROUS = ("cve", "nvd")  # kinds without bound: a sample of them is held, the rest is only known to exist
_BATCH = 4096


class NoKnowledge(KnowledgeError):
    """A knowledge base that is not there or lacks its tables."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a thing is joined to, what the feed says of it, and where it says so."""

    other: str
    text: str
    origin: Origin


class Arrow(NamedTuple):
    """A live relation, as loaded."""

    subject: str
    predicate: str
    object: str
    text: str
    origin: Origin


class Knowledge:
    """Live things and the relations between them; of the others, that they exist and what took their place."""

    def __init__(
        self, things: Iterable[tuple[Record, Origin]], arrows: Iterable[Arrow], status: Mapping[str, str] | None = None
    ) -> None:
        self._things: dict[str, Record] = {}
        self.gone: dict[str, Record] = {}
        self._origins: dict[str, Origin] = {}
        for record, origin in things:  # the first source to describe a thing is believed
            kept = self._things if record.status is Status.live else self.gone
            if record.id not in kept:
                kept[record.id] = record
                if record.status is Status.live or record.id not in self._things:
                    self._origins[record.id] = origin
        for name in self._things:
            self.gone.pop(name, None)
        self.status = dict(status or {}) | {name: str(each.status) for name, each in self.gone.items()}
        self.status |= dict.fromkeys(self._things, str(Status.live))
        self._kinds: dict[str, list[Record]] = defaultdict(list)
        for name in sorted(self._things):
            self._kinds[self._things[name].kind].append(self._things[name])
        self._out: dict[tuple[str, str], dict[str, Link]] = defaultdict(dict)
        self._into: dict[tuple[str, str], dict[str, Link]] = defaultdict(dict)
        for arrow in arrows:
            out, into = self._out[arrow.subject, arrow.predicate], self._into[arrow.object, arrow.predicate]
            if arrow.object not in out or (arrow.text and not out[arrow.object].text):
                out[arrow.object] = Link(arrow.object, arrow.text, arrow.origin)
                into[arrow.subject] = Link(arrow.subject, arrow.text, arrow.origin)
        self._out, self._into = dict(self._out), dict(self._into)
        listed = (each.facts.get("added", ("",))[0] for each in self._things.values() if each.kind == "exploited")
        self.latest = max(listed, default="")  # the day up to which the catalogue of exploited vulnerabilities goes

    def __contains__(self, name: object) -> bool:
        return name in self.status

    def get(self, name: str) -> Record | None:
        """A live thing."""
        return self._things.get(name)

    def origin(self, name: str) -> Origin | None:
        """Where a thing is described; None for one that is only named."""
        return self._origins.get(name)

    def names(self) -> list[str]:
        """The ids of all live things."""
        return sorted(self._things)

    def of(self, *kinds: str) -> Iterator[Record]:
        """All live things of these kinds, kind after kind, by id."""
        for kind in kinds:
            yield from self._kinds.get(kind, ())

    def out(self, name: str, predicate: Predicate, *kinds: str) -> list[tuple[Record, Link]]:
        """What a thing points at, by id; live things only, of these kinds where any is given."""
        return self._live(self._out.get((name, predicate), {}), kinds)

    def into(self, name: str, predicate: Predicate, *kinds: str) -> list[tuple[Record, Link]]:
        """What points at a thing."""
        return self._live(self._into.get((name, predicate), {}), kinds)

    def successor(self, name: str) -> tuple[Record, Link] | None:
        """What took the place of a revoked thing."""
        return next(iter(self.out(name, Predicate.revoked_by)), None)

    def examples(self, weakness: str) -> list[Link]:
        """The CVEs that CWE itself cites for a weakness, whether they are held or not."""
        found = self._into.get((weakness, Predicate.has_weakness), {}).values()
        return sorted((each for each in found if each.origin.source == "cwe" and each.text), key=lambda e: e.other)

    def _live(self, links: Mapping[str, Link], kinds: tuple[str, ...]) -> list[tuple[Record, Link]]:
        found = ((self._things.get(each.other), each) for each in links.values())
        kept = ((record, link) for record, link in found if record and (not kinds or record.kind in kinds))
        return sorted(kept, key=lambda pair: pair[0].id)


def load(root: str, numerous: int, usable: Iterable[str]) -> Knowledge:
    """Read a knowledge base (a folder or a URI). Of CVEs, at most so many are drawn, by a digest of their ids.

    Memory holds everything but the CVEs that were not drawn; of these, the id and the status. usable: the sources that
    may be used. Raises NoKnowledge.
    """
    records, relations = (_table(root, name) for name in ("records", "relations"))
    allowed = sorted(usable)
    import pyarrow.dataset as ds

    fits = ds.field("source").isin(allowed)
    status: dict[str, str] = {}
    drawn: list[tuple[int, str]] = []
    for row in _rows(records, ds.field("kind").isin(_NUMEROUS), ["id", "kind", "status"]):
        if row["kind"] == "cve":
            status[row["id"]] = row["status"]
            if row["status"] == "live":
                put = heapq.heappush if len(drawn) < numerous else heapq.heappushpop
                put(drawn, (-number("drawn", row["id"]), row["id"]))
    chosen = {name for _, name in drawn}
    wanted = ~ds.field("kind").isin(_NUMEROUS) | ds.field("id").isin(sorted(chosen)) | (
        (ds.field("kind") == "cve") & (ds.field("status") != "live")
    )  # fmt: skip
    things = [_record(row) for row in _rows(records, wanted & fits, SCHEMAS["records"].names)]
    every = {record.id for record, _ in things}
    columns = SCHEMAS["relations"].names
    arrows = (
        Arrow(row["subject"], row["predicate"], row["object"], row["text"], _origin(row))
        for row in _rows(relations, (ds.field("status") == "live") & fits, columns)
        if row["subject"] in every or row["object"] in every
    )
    return Knowledge(things, arrows, status)


def manifest(root: str) -> dict[str, Any]:
    """What ingest says of a knowledge base; raises NoKnowledge."""
    import pyarrow as pa

    files, path = located(root)
    try:
        with files.open_input_stream(f"{path}/manifest.json") as stream:
            found: dict[str, Any] = json.loads(stream.read())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise NoKnowledge(f"{root}: expected manifest.json of train.ingest, got {error}") from error
    return found


def _table(root: str, name: str) -> Any:
    import pyarrow.dataset as ds

    files, path = located(root)
    parts = [f"{path}/{each}" for each in sorted(manifest(root)["files"]) if each.startswith(f"{name}/")]
    if not parts:
        raise NoKnowledge(f"{root}: expected {name} in the manifest, got none")
    return ds.dataset(parts, schema=SCHEMAS[name], filesystem=files, format="parquet")


def _rows(table: Any, only: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Rows in the order of the files. One thread reads ahead: order is what makes the set reproducible."""
    for batch in table.to_batches(columns=columns, filter=only, batch_size=_BATCH, use_threads=False):
        yield from batch.to_pylist()


def _origin(row: Mapping[str, Any]) -> Origin:
    return Origin(*(row[name] for name in Origin.__slots__))


def _record(row: Mapping[str, Any]) -> tuple[Record, Origin]:
    facts = {name: tuple(values) for name, values in row["facts"]}
    return Record(
        row["id"], row["kind"], row["name"] or "", row["text"] or "", Status(row["status"]), row["version"] or "",
        row["modified"] or "", row["url"] or "", facts,
    ), _origin(row)  # fmt: skip
