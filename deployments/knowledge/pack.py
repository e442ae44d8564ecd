"""A pack opened: things by row or id, links both ways. Read-only, memory-mapped; safe for several threads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from deployments.knowledge import layout
from deployments.knowledge.errors import BadPack, NoPack


@dataclass(frozen=True, slots=True)
class Thing:
    """One record of a pack. status: live, rejected, revoked, deprecated, or `named` where there is no record."""

    row: int
    id: str
    kind: str
    name: str
    status: str
    modified: str
    url: str
    source: str
    sha256: str  # of the bytes that the record was read from
    text: str
    facts: dict[str, tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A relation between the things in two rows, and what its feed says of it."""

    subject: int
    predicate: str
    object: int
    text: str


class Pack:
    """Use `Pack.open`. The files stay mapped as long as somebody holds the pack, also when they are deleted."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest, self.digest = folder, manifest, layout.digest_of(manifest)
        self._things, self._links = _batch(folder / layout.THINGS), _batch(folder / layout.LINKS)
        self._ids = self._things.column("id")
        self._subjects, self._predicates, self._objects = (
            self._links.column(name).to_numpy() for name in ("subject", "predicate", "object")
        )
        self._texts = self._links.column("text")
        self._into = self.array(layout.INTO)
        self._starts = {way: self.array(name) for way, name in layout.STARTS.items()}
        self._names: list[str] = manifest["predicates"]

    @classmethod
    def open(cls, folder: Path, *, verify: bool = True) -> Self:
        """Map the pack in a folder. `verify` reads every byte once and holds it against the manifest.

        Raises NoPack without a manifest, BadPack for another layout, digest or file.
        """
        manifest = read_manifest(folder)
        if manifest.get("layout") != layout.LAYOUT:
            raise BadPack(f"{layout.MANIFEST}: expected layout {layout.LAYOUT}, got {manifest.get('layout')}")
        if folder.name != layout.digest_of(manifest):
            raise BadPack(f"{layout.MANIFEST}: expected digest {folder.name}, got {layout.digest_of(manifest)}")
        for name, expected in manifest["files"].items() if verify else ():
            got = layout.file_digest(folder / name) if (folder / name).is_file() else "no file"
            if got != expected:
                raise BadPack(f"{name}: expected digest {expected}, got {got}")
        try:
            return cls(folder, manifest)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise BadPack(f"{folder}: expected the files of a pack, got {type(error).__name__}: {error}") from error

    def __len__(self) -> int:
        return len(self._ids)

    def array(self, name: str) -> Any:
        """One of the arrays of the pack, mapped."""
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)

    def names(self) -> Any:
        """The table of names, mapped."""
        return _batch(self.folder / layout.NAMES)

    def row(self, name: str) -> int | None:
        """Where a thing with exactly this id stands; None where there is none."""
        low, high = 0, len(self._ids)
        while low < high:
            middle = (low + high) // 2
            if self._ids[middle].as_py() < name:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._ids) and self._ids[low].as_py() == name else None

    def thing(self, row: int) -> Thing:
        """The thing in a row."""
        values = {name: self._things.column(name)[row].as_py() for name in layout.THINGS_SCHEMA.names}
        facts = {name: tuple(each) for name, each in values.pop("facts") or ()}
        return Thing(row, facts=facts, **{name: value or "" for name, value in values.items()})

    def get(self, name: str) -> Thing | None:
        """The thing with exactly this id."""
        row = self.row(name)
        return None if row is None else self.thing(row)

    def kind(self, row: int) -> str:
        """The kind of the thing in a row, without reading the rest of it; empty for what is only named."""
        return self._things.column("kind")[row].as_py() or ""

    def status(self, row: int) -> str:
        """The status of the thing in a row."""
        return str(self._things.column("status")[row].as_py())

    def out(self, row: int) -> Iterator[Link]:
        """The links whose subject a thing is, in the order of predicates and objects."""
        start, end = self._starts["out"][row : row + 2]
        return map(self._link, range(start, end))

    def into(self, row: int) -> Iterator[Link]:
        """The links whose object a thing is, in the order of subjects and predicates."""
        start, end = self._starts["into"][row : row + 2]
        return map(self._link, self._into[start:end].tolist())

    def _link(self, place: int) -> Link:
        predicate = self._names[self._predicates[place]]
        return Link(int(self._subjects[place]), predicate, int(self._objects[place]), self._texts[place].as_py() or "")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a pack says of itself, unchecked. Raises NoPack, BadPack."""
    try:
        found: dict[str, Any] = json.loads((folder / layout.MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise NoPack(f"expected {layout.MANIFEST} in {folder}, found none: was train.pack run?") from error
    except (OSError, ValueError) as error:
        raise BadPack(f"{folder / layout.MANIFEST}: expected JSON, got {error}") from error
    return found


def _batch(path: Path) -> Any:
    """The one batch of an Arrow file, without copying."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
