"""The tables of a pack: things by id, links both ways, and the names that things go by."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from deployments.knowledge import layout
from deployments.knowledge.words import name_key
from train.knowledge import open_base
from train.records import Predicate

_THINGS = """
select id, kind, name, status, modified, url, source, sha256, text, facts from (
    select *, row_number() over (
        partition by id order by status = 'live' desc, modified desc, source, member, start) as n
    from latest where list_contains($sources, source) and kind <> 'exercise')
where n = 1
"""
_LINKS = "select subject, predicate, object, text from links"
_UNNAMED = frozenset({"cve", "nvd", "analytic", "guide", "paper", "requirement", "advisory"})  # found by id or search
_QUOTED = re.compile(r"\('([^']{3,60})'\)")  # CWE puts what everybody says behind the exact name
_SHORT = re.compile(r"\(([A-Z]{2,6})\)")  # "Cross-Site Request Forgery (CSRF)"
_STIX = "--"  # in the ids of things that their publisher gave no number
_CODE = re.compile(r"^(?:coa-|course-of-action--)")
NICKNAMES = Path(__file__).with_name("nicknames.toml")
PREDICATES = tuple(str(each) for each in Predicate)

Row = dict[str, Any]


def write(root: str, sources: Iterable[str], folder: Path) -> list[Row]:
    """Write all tables of the base at `root` that these sources give; the things, in the order of their rows."""
    with open_base(root) as base:
        things = base.sql(_THINGS, params={"sources": sorted(sources)}).to_arrow_table().to_pylist()
        links = base.sql(_LINKS).to_arrow_table().to_pylist()
    held = {each["id"] for each in things}
    links = [each for each in links if each["subject"] in held or _names_a_cve(each, held)]
    things = sorted(things + _named(links, held), key=lambda each: each["id"])
    rows = {each["id"]: row for row, each in enumerate(things)}
    save(folder / layout.THINGS, layout.THINGS_SCHEMA, things)
    _write_links(folder, links, rows)
    _write_names(folder, things, _parents(links, rows, things))
    return things


def save(path: Path, schema: pa.Schema, rows: list[Row]) -> None:
    """One Arrow file of one uncompressed batch, so that a memory map is all that reading takes."""
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


def _names_a_cve(link: Row, held: set[str]) -> bool:
    """CWE and the catalogue of exploited vulnerabilities tell of CVEs whose own record is not here."""
    return link["object"] in held and link["predicate"] == "has_weakness"


def _named(links: Iterable[Row], held: set[str]) -> list[Row]:
    others = {link[end] for link in links for end in ("subject", "object")} - held
    blank = dict.fromkeys(layout.THINGS_SCHEMA.names)
    return [blank | {"id": name, "kind": "", "status": layout.NAMED} for name in others]


def _write_links(folder: Path, links: list[Row], rows: Mapping[str, int]) -> None:
    numbered = sorted(
        (rows[each["subject"]], PREDICATES.index(each["predicate"]), rows[each["object"]], each["text"] or "")
        for each in links
    )
    names = layout.LINKS_SCHEMA.names
    save(folder / layout.LINKS, layout.LINKS_SCHEMA, [dict(zip(names, each, strict=True)) for each in numbered])
    subjects = np.array([each[0] for each in numbered], np.int32)
    objects = np.array([each[2] for each in numbered], np.int32)
    into = np.argsort(objects, kind="stable").astype(np.int32)
    edges = np.arange(len(rows) + 1)
    np.save(folder / layout.INTO, into)
    np.save(folder / layout.STARTS["out"], np.searchsorted(subjects, edges).astype(np.int32))
    np.save(folder / layout.STARTS["into"], np.searchsorted(objects[into], edges).astype(np.int32))


def _parents(links: Iterable[Row], rows: Mapping[str, int], things: list[Row]) -> dict[str, str]:
    """The name of the technique that a sub-technique is part of."""
    return {
        each["subject"]: things[rows[each["object"]]]["name"] or ""
        for each in links
        if each["predicate"] == "child_of" and things[rows[each["subject"]]]["kind"] == "technique"
    }


def _write_names(folder: Path, things: list[Row], parents: Mapping[str, str]) -> None:
    found = {
        (layout.name_hash(key), key, row, own)
        for row, thing in enumerate(things)
        for key, own in _keys(thing, parents.get(thing["id"], ""))
    } | set(_nicknames(things))
    owned = {(key, row) for _, key, row, own in found if own}
    kept = sorted(each for each in found if each[3] or (each[1], each[2]) not in owned)
    names = layout.NAMES_SCHEMA.names
    save(folder / layout.NAMES, layout.NAMES_SCHEMA, [dict(zip(names, each, strict=True)) for each in kept])


def _nicknames(things: list[Row]) -> Iterator[tuple[int, str, int, bool]]:
    rows = {thing["id"]: row for row, thing in enumerate(things) if thing["status"] in {"live", layout.NAMED}}
    for name, called in tomllib.loads(NICKNAMES.read_text()).items():
        for each in (called, f"KEV:{called}"):
            if each in rows:
                yield layout.name_hash(name_key(name)), name_key(name), rows[each], False


def _keys(thing: Row, parent: str) -> Iterator[tuple[str, bool]]:
    """Each key of a thing, and whether it is its own name rather than another that it goes by."""
    if thing["kind"] in _UNNAMED or not thing["kind"] or (thing["status"] != "live" and _STIX in thing["id"]):
        return
    for name, own in _names(thing, parent):
        key = name_key(name)
        if len(key) > 1 and not key.isdigit():
            yield key, own


def _names(thing: Row, parent: str) -> Iterator[tuple[str, bool]]:
    name = re.sub(r"^DEPRECATED:? ?", "", thing["name"] or "")
    if not _CODE.match(name):
        yield name, True
    if parent:
        yield f"{parent} {name}", True
    for short in _SHORT.findall(name):
        yield short, False
        yield name.replace(f"({short})", ""), False
    for quoted in _QUOTED.findall(name):
        yield quoted, False
        yield name.replace(f"('{quoted}')", ""), False
    facts = dict(thing["facts"] or ())
    for fact in ("alias", "synonym", "shortname"):
        yield from ((value, False) for value in facts.get(fact, ()))
