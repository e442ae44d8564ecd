"""A part of the knowledge base: one feed file, or a share of one, converted and written.

A part is named by all that it depends on, so it is made once and never again: a run that was cut off goes on with what
is missing. Three Parquet files and, last, an account of what became of every element; without it the part does not
count. The same input gives the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from train import records
from train.archives import Limits
from train.convert import File, Made, convert, outcome
from train.errors import PlaceError
from train.feeds.table import FEEDS
from train.records import Aside, Quarantined, Record, Relation

VERSION = "1"  # of what parsers make; raise it when the same bytes shall give other records
ROWS = 2000  # held before they are written


@dataclass(frozen=True, slots=True)
class Task:
    """One part to make. digest is the SHA-256 of the whole feed file."""

    file: File
    parser: str
    digest: str
    out: str  # where the knowledge base lies, a path or a URI
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """The part's name, the same for the same input and the same parser."""
        told = json.dumps(
            [VERSION, self.parser, self.digest, self.file.name, self.file.part, self.file.only, asdict(self.limits)]
        )
        share = f"{self.file.part[0]:04d}"
        stem = self.file.name.rpartition("/")[2].partition(".")[0][:60]
        return f"{stem}-{share}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the elements of one part; elements is the sum of outcomes."""

    part: str
    source: str
    file: str
    digest: str
    elements: int
    outcomes: dict[str, int]  # live, rejected, revoked, deprecated, aside, quarantined
    kinds: dict[str, int]  # of records
    predicates: dict[str, int]  # of relations
    asides: dict[str, int]  # reasons
    files: dict[str, str]  # path in the knowledge base -> SHA-256
    latest: str = ""  # the latest date of change that any record names

    @classmethod
    def read(cls, text: str) -> Self:
        """From its JSON form."""
        return cls(**json.loads(text))


def located(uri: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a path or URI, and the path in it. Raises PlaceError, OSError."""
    if "://" in uri:
        try:
            found: tuple[pafs.FileSystem, str] = pafs.FileSystem.from_uri(uri)
        except ValueError as error:
            raise PlaceError(
                f"expected a path or a URI such as s3://bucket/folder, got {uri[:200]!r}: {error}"
            ) from error
        return found
    return pafs.LocalFileSystem(), str(Path(uri).absolute())


def account_path(root: str, source: str, part: str) -> str:
    """Where a part's account lies."""
    return f"{root}/parts/{source}/{part}.json"


def done(task: Task) -> Account | None:
    """The account of a part that is there already."""
    files, root = located(task.out)
    path = account_path(root, task.file.source, task.name)
    if files.get_file_info(path).type != pafs.FileType.File:
        return None
    with files.open_input_stream(path) as stream:
        return Account.read(stream.read().decode())


def make(task: Task) -> Account:
    """Convert and write one part; the account says how each element ended."""
    found = done(task)
    if found:
        return found
    tally = _Tally()
    with _Tables(task) as tables:
        for made in convert(task.file, FEEDS[task.parser], task.limits):
            tally.add(made)
            tables.add(made)
    account = tally.account(task, tables.digests)
    files, root = located(task.out)
    text = json.dumps(asdict(account), indent=1, sort_keys=True)
    _put(files, account_path(root, task.file.source, task.name), text.encode())
    return account


def _put(files: pafs.FileSystem, path: str, data: bytes) -> None:
    files.create_dir(path.rpartition("/")[0], recursive=True)
    with files.open_output_stream(f"{path}.half") as stream:
        stream.write(data)
    files.move(f"{path}.half", path)


class _Tally:
    def __init__(self) -> None:
        self.outcomes, self.kinds, self.predicates = Counter[str](), Counter[str](), Counter[str]()
        self.asides, self.latest = Counter[str](), ""

    def add(self, made: Made) -> None:
        self.outcomes[outcome(made)] += 1
        for item in made.items:
            if isinstance(item, Record):
                self.kinds[item.kind] += 1
                self.latest = max(self.latest, item.modified[:10])
            elif isinstance(item, Relation):
                self.predicates[str(item.predicate)] += 1
            else:
                self.asides[item.reason] += 1

    def account(self, task: Task, digests: dict[str, str]) -> Account:
        return Account(
            task.name, task.file.source, task.file.name, task.digest, self.outcomes.total(), dict(self.outcomes),
            dict(self.kinds), dict(self.predicates), dict(self.asides), digests, self.latest,
        )  # fmt: skip


class _Tables:
    """The Parquet files of a part in the making: written in row groups, put in their places at the end."""

    def __init__(self, task: Task) -> None:
        self.files, root = located(task.out)
        self.paths = {name: f"{name}/{task.file.source}/{task.name}.parquet" for name in records.SCHEMAS}
        self.root = root
        self.rows: dict[str, list[Any]] = {name: [] for name in records.SCHEMAS}
        self.writers: dict[str, pq.ParquetWriter] = {}
        self.streams: dict[str, pa.NativeFile] = {}
        self.digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def add(self, made: Made) -> None:
        for item in (*made.items, *([made.bad] if made.bad else [])):
            if not isinstance(item, Aside):
                name = _TABLE[type(item)]
                self.rows[name].append((item, made.origin))
                if len(self.rows[name]) >= ROWS:
                    self._flush(name)

    def _flush(self, name: str) -> None:
        if name not in self.writers:
            path = f"{self.root}/{self.paths[name]}"
            self.files.create_dir(path.rpartition("/")[0], recursive=True)
            self.streams[name] = self.files.open_output_stream(f"{path}.half")
            self.writers[name] = pq.ParquetWriter(self.streams[name], records.SCHEMAS[name], compression="zstd")
        self.writers[name].write_table(records.table(name, self.rows[name]))
        self.rows[name] = []

    def __exit__(self, kind: object, *_: object) -> None:
        for name, rows in self.rows.items():
            if rows and kind is None:
                self._flush(name)
        for name, writer in self.writers.items():
            writer.close()
            self.streams[name].close()
            path = f"{self.root}/{self.paths[name]}"
            if kind is None:
                self.files.move(f"{path}.half", path)
                self.digests[self.paths[name]] = file_digest(self.files, path)


_TABLE = {Record: "records", Relation: "relations", Quarantined: "quarantine"}


def bring(folder: Path, place: str) -> None:
    """Copy a local folder to a folder or URI."""
    files, root = located(place)
    files.create_dir(root, recursive=True)
    pafs.copy_files(str(folder), root, source_filesystem=pafs.LocalFileSystem(), destination_filesystem=files)


def file_digest(files: pafs.FileSystem, path: str) -> str:
    """SHA-256 of a file, read in pieces."""
    seen = hashlib.sha256()
    for chunk in _chunks(files, path):
        seen.update(chunk)
    return seen.hexdigest()


def _chunks(files: pafs.FileSystem, path: str) -> Iterator[bytes]:
    with files.open_input_stream(path) as stream:
        while chunk := stream.read(1 << 20):
            yield chunk
