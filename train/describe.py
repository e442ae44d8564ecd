"""What our datasets are made of: `teaching_set` and `knowledge_base`, read from what lies beside the rows."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from train import accounts, sources
from train.described import BadDescription, Column, DataFile, DataSource, Described, Model, Parent, Table, combined
from train.parts import file_digest, located

OWN_LICENCE = "Apache-2.0"  # of our own words, and of the weights that we trained
ENCODER_LICENCE = "Apache-2.0"  # of all-MiniLM-L6-v2, by its publisher's card
_TEACHING = {
    "id": "First 32 hexadecimal digits of the SHA-256 of family, template, objects and messages",
    "messages": "A question and its answer", "messages.role": "user or assistant", "messages.content": "What is said",
    "family": "Which kind of pair it is", "verdict": "answer, refuse or teach",
    "split": "train, dev or test, by object", "template_id": "Form, number of the ask, number of the answer",
    "template_split": "test for ways to ask that are held out", "object_ids": "Published ids of what the row names",
    "source": "Names of the sources it rests on", "source_version": "Version of what it is about, as published",
    "source_uri": "Where that is published", "license": "SPDX expression of all that the row rests on",
    "shard": "Rows whose licences go together", "credits": "Authors whom a licence wants named",
    "origins": "The bytes that the row rests on", "sanitizer_version": "Digest of the sanitizer of its texts",
    "canary": "Whether the row is bait for extraction audits",
}  # fmt: skip
_ORIGIN = {
    "source": "Name of the source", "member": "Feed file, and path in it where it is an archive",
    "start": "First byte in the uncompressed member", "end": "Byte after the last", "sha256": "SHA-256 of these bytes",
}  # fmt: skip
_RECORDS = {
    "id": "The publisher's id", "kind": "What kind of thing it is", "name": "Its name", "text": "Text, as published",
    "status": "live, rejected, revoked or deprecated", "version": "Version, as published",
    "modified": "Time of the last change, as published", "url": "Where it is published",
    "facts": "Further values, all strings", "facts.key": "Name of a fact", "facts.value": "Its values",
    "subject": "Id of the one", "predicate": "How it stands to the other", "object": "Id of the other",
    "reason": "Why the element could not be read",
}  # fmt: skip


def teaching_set(uri: str, knowledge: str, further: Sequence[DataSource] = ()) -> Described:
    """The set that `train.pairs` made out of a knowledge base. further: sources that no register has, such as replay.

    Raises KnowledgeError, OSError, ValueError.
    """
    files, root = located(uri)
    with files.open_input_stream(f"{root}/report.json") as stream:
        report: dict[str, Any] = json.loads(stream.read())
    base = accounts.read(knowledge)
    if base["digest"] != report["knowledge"]:
        raise BadDescription(f"{uri}: expected the knowledge base {report['knowledge']}, got {base['digest']}")
    used = _sources(base, report["sources"], further)
    held = tuple(_measured(uri, name, told["sha256"]) for name, told in sorted(report["files"].items()))
    date, told = _newest(base, report["sources"]), {**_TEACHING, **_below("origins", _ORIGIN)}
    return Described(
        "preceptor-teaching-set", _version(date),
        "Question and answer pairs for a security tutor, made from public records by templates; no model wrote them.",
        date, _together(report["licenses"]), (Table("rows", held, columns(_schema(uri, held), told), "id"),), used,
        (Parent("preceptor-knowledge-base", base["digest"], _licence(_sources(base, _read(base), ()))),),
        _models(report["sanitizer"]),
        {
            "dataCollection": "Public feeds of vulnerabilities, weaknesses, attack techniques and defences, each with "
            "licence and authorisation in a register; every row names the bytes that it rests on.",
            "dataPreprocessingProtocol": "Published texts pass a sanitizer once; exact and near duplicates are "
            f"removed; {_compared(report)}; objects are held out whole.",
            "personalSensitiveInformation": "The sanitizer removes personal data, addresses and secrets; authors of "
            "detection rules are named in credits, as their licence wants.",
            "dataUseCases": "Fine-tuning a tutor that explains attacks for defence and refuses operational asks.",
            "dataLimitations": "English; the wording is that of templates; what the feeds lack or have wrong, it has.",
            "dataBiases": "Only published vulnerabilities and techniques; those with much documentation weigh more.",
        },
    )  # fmt: skip


def knowledge_base(uri: str) -> Described:
    """What `train.ingest` made. Raises KnowledgeError, OSError, ValueError."""
    base = accounts.read(uri)
    read, told = _read(base), {**_RECORDS, **_ORIGIN}
    tables = []
    for name in ("quarantine", "records", "relations"):
        held = tuple(
            _measured(uri, path, digest)
            for path, digest in sorted(base["files"].items())
            if path.startswith(f"{name}/")
        )
        if held:
            tables.append(Table(name, held, columns(_schema(uri, held), told)))
    date, used = _newest(base, read), _sources(base, read, ())
    return Described(
        "preceptor-knowledge-base", _version(date),
        "Records and relations of public security feeds, as published, each with the bytes that it comes from.",
        date, _licence(used), tuple(tables), used,
        responsible={
            "dataCollection": "Public feeds, each with licence and authorisation in a register.",
            "dataCollectionRawData": "Every row names the bytes of the feed that it was read from, and their SHA-256.",
            "dataCollectionMissingData": "What could not be read is in the table quarantine, with the reason.",
            "personalSensitiveInformation": "Not sanitized: texts are as published and may name researchers.",
        },
    )  # fmt: skip


def columns(schema: pa.Schema, told: Mapping[str, str], above: str = "") -> tuple[Column, ...]:
    """The columns of a schema; told says what each is for, parts by their dotted names."""
    return tuple(_column(each, told, f"{above}{each.name}") for each in schema)


def _column(field: pa.Field, told: Mapping[str, str], name: str) -> Column:
    kind, many = field.type, pa.types.is_map(field.type) or pa.types.is_list(field.type)
    parts: list[pa.Field] = []
    if pa.types.is_map(kind):
        parts = [pa.field("key", kind.key_type), pa.field("value", kind.item_type)]
    elif many:
        kind = kind.value_type
    if pa.types.is_struct(kind):
        parts = list(kind)
    inner = tuple(_column(each, told, f"{name}.{each.name}") for each in parts)
    return Column(field.name, "" if inner else _type(kind), told.get(name, field.name), many, inner)


def _type(kind: pa.DataType) -> str:
    for name, fits in (
        ("bool", pa.types.is_boolean), ("int", pa.types.is_integer), ("float", pa.types.is_floating),
    ):  # fmt: skip
        if fits(kind):
            return name
    return "string"


def _below(above: str, told: Mapping[str, str]) -> dict[str, str]:
    return {f"{above}.{name}": text for name, text in told.items()}


def _schema(uri: str, held: Sequence[DataFile]) -> pa.Schema:
    files, root = located(uri)
    return pq.read_schema(f"{root}/{held[0].path}", filesystem=files)


def _measured(uri: str, path: str, digest: str) -> DataFile:
    """A file as it lies there; BadDescription unless it is still what was written."""
    files, root = located(uri)
    found = file_digest(files, f"{root}/{path}")
    if found != digest:
        raise BadDescription(f"{uri}: {path}: expected the file of SHA-256 {digest}, got {found}")
    size = files.get_file_info(f"{root}/{path}").size
    return DataFile(path, digest, size, pq.read_metadata(f"{root}/{path}", filesystem=files).num_rows)


def _sources(base: Mapping[str, Any], names: Iterable[str], further: Sequence[DataSource]) -> tuple[DataSource, ...]:
    register, known = sources.load(), {each.name: each for each in further}
    found = []
    for name in sorted(names):
        if name in known:
            found.append(known[name])
        elif name in register and name in base["sources"]:
            each = register[name]
            found.append(
                DataSource(name, each.title, each.licence, each.licence_url, next(iter(each.address), ""),
                           each.credit(base["sources"][name]["feeds"]), combined(base["sources"][name]["feeds"]))
            )  # fmt: skip
        else:
            raise BadDescription(f"{name}: expected a source of the register and the knowledge base, got neither")
    return tuple(found)


def _read(base: Mapping[str, Any]) -> list[str]:
    """The sources that a knowledge base holds something of."""
    return [name for name, told in base["sources"].items() if told["feeds"]]


def _licence(used: Iterable[DataSource]) -> str:
    return _together(each.licence for each in used)


def _newest(base: Mapping[str, Any], names: Iterable[str]) -> str:
    days = (base["sources"][name]["latest"] for name in names if name in base["sources"])
    return max((day for day in days if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day)), default="")


def _version(date: str) -> str:
    """A semantic version that grows with the data."""
    return ".".join(str(int(part)) for part in date.split("-")) if date else "0.0.0"


def _together(licences: Iterable[str]) -> str:
    return " AND ".join(sorted({one for each in licences for one in each.split(" AND ")}))


def _compared(report: Mapping[str, Any]) -> str:
    found = report.get("contamination")
    done = "so are rows that overlap with evaluation sets, as report.json lists them"
    return done if found else "rows were not compared with evaluation sets"


def _models(sanitizer: str) -> tuple[Model, ...]:
    """The sanitizer by the digest that the rows name, and the public encoder that its card names."""
    from guards.card import Card
    from guards.tagger import WEIGHTS

    base = Card.read(WEIGHTS).digests["base"]
    return (
        Model("preceptor-sanitizer", sanitizer[:12], OWN_LICENCE, sanitizer, "token-classification"),
        Model("all-MiniLM-L6-v2", base[:12], ENCODER_LICENCE, base, "feature-extraction"),
    )
