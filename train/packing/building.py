"""A pack put together: tables, index, vectors if wanted, and last the manifest, whose digest becomes its name."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments.knowledge import layout
from deployments.knowledge.search import Encode
from train import accounts, sources
from train.errors import SourceError
from train.packing import lexical, tables, vectors
from train.sources import Source

Row = dict[str, Any]
Told = Callable[[str, int, int], None]
"""Told of a step, how much of it is done and how much there is."""


def build(root: str, out: Path, told: Told, encode: Encode | None = None, model: str = "") -> Path:
    """Make a pack of the knowledge base at `root`, below `out`; its folder. With `encode`, the vectors of `model`, too.

    Raises SourceError for a source that the register has not, FileNotFoundError without a base, OSError.
    """
    base = accounts.read(root)
    register = sources.load()
    usable = {name: _registered(register, name) for name in base["sources"]}
    usable = {name: each for name, each in usable.items() if "retrieval" in each.allowed_use}
    with _unfinished(out) as folder:
        told("tables", 0, 1)
        things = tables.write(root, usable, folder)
        told("tables", 1, 1)
        parents = _context(things)
        lexical.write(things, folder, lambda row: parents.get(row, ()))
        told("index", 1, 1)
        if encode:
            _vectors(things, parents, folder, out / "vectors", told, encode, model)
        manifest = _manifest(base, register, usable, things, folder, model if encode else None)
        (folder / layout.MANIFEST).write_bytes(layout.manifest_bytes(manifest))
        return _publish(folder, out / layout.digest_of(manifest))


def _registered(register: Mapping[str, Source], name: str) -> Source:
    if name not in register:
        raise SourceError(f"{name}: expected a source of the register, got one that it has not; ingest anew")
    return register[name]


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, place: Path) -> Path:
    if not place.exists():
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        folder.rename(place)
    return place


def _context(things: Sequence[Row]) -> dict[int, tuple[str, ...]]:
    """For a sub-technique the name of its technique, for a guide's section the title of its page."""
    names = {each["id"]: each["name"] for each in things}
    found: dict[int, tuple[str, ...]] = {}
    for row, each in enumerate(things):
        if each["kind"] == "technique" and names.get(each["id"].rpartition(".")[0]):
            found[row] = (names[each["id"].rpartition(".")[0]],)
        elif each["kind"] == "guide":
            found[row] = tuple(dict(each["facts"] or ()).get("page", ()))[:1]
    return found


def _vectors(
    things: Sequence[Row], parents: Mapping[int, tuple[str, ...]], folder: Path, kept: Path, told: Told,
    encode: Encode, model: str,
) -> None:  # fmt: skip
    rows = [row for row in lexical.searched(things) if things[row]["kind"] in layout.EMBEDDED]
    rows.sort(key=lambda row: (things[row]["kind"], row))
    texts = [
        vectors.text_of(things[row]["name"] or "", things[row]["text"] or "", parents.get(row, ())) for row in rows
    ]
    for done in vectors.write(texts, rows, folder, kept, encode, model):
        told("vectors", done, len(rows))


def _manifest(
    base: Mapping[str, Any], register: Mapping[str, Source], usable: Mapping[str, Source], things: Sequence[Row],
    folder: Path, model: str | None,
) -> dict[str, Any]:  # fmt: skip
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    present = {name: each for name, each in usable.items() if base["sources"][name]["elements"]}
    wanted = {name: each for name, each in register.items() if "retrieval" in each.allowed_use}
    return {
        "layout": layout.LAYOUT,
        "base": base["digest"],
        "predicates": list(tables.PREDICATES),
        "kinds": dict(sorted(Counter(each["kind"] or layout.NAMED for each in things).items())),
        "status": dict(sorted(Counter(each["status"] for each in things).items())),
        "sources": {name: _source(each, base["sources"][name]) for name, each in sorted(present.items())},
        "absent": {name: {"title": each.title, "optional": each.optional} for name, each in sorted(wanted.items())
                   if name not in present},
        "vectors": model,
        "files": {name: layout.file_digest(path) for name, path in files.items()},
    }  # fmt: skip


def _source(source: Source, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": source.title, "licence": source.licence, "licence_url": source.licence_url,
        "attribution": source.credit(told["feeds"]), "citation": source.citation, "feeds": told["feeds"],
        "latest": told["latest"], "kinds": told["kinds"],
    }  # fmt: skip
