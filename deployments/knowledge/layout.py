"""The files of a pack, and what stands in them. Knows neither how a pack is made nor how it is asked.

A pack is one folder, named by the SHA-256 of its manifest.json, which names every other file with its SHA-256. All
files are read through memory maps and never written again.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

LAYOUT = 1  # raise it when the same records shall give other files
MANIFEST = "manifest.json"
THINGS, LINKS, NAMES = "things.arrow", "links.arrow", "names.arrow"
INTO = "into.npy"  # places in LINKS in the order of their objects
STARTS = MappingProxyType({"out": "out_starts.npy", "into": "into_starts.npy"})  # for each thing, and one beyond
DOCUMENTS, KINDS = "documents.npy", "document_kinds.npy"  # the thing and the kind that a document of the index is
LEXICAL = "bm25"  # folder of the index
VECTORS, SCALES, VECTOR_ROWS = "vectors.npy", "vector_scales.npy", "vector_rows.npy"
NAMED = "named"  # status of what has no record but is named by one

_STRINGS = pa.list_(pa.string())
THINGS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "kind", "name", "status", "modified", "url", "source", "sha256")),
        ("text", pa.string()), ("facts", pa.map_(pa.string(), _STRINGS)),
    ]
)  # fmt: skip
LINKS_SCHEMA = pa.schema(
    [("subject", pa.int32()), ("predicate", pa.int8()), ("object", pa.int32()), ("text", pa.string())]
)
NAMES_SCHEMA = pa.schema([("hash", pa.uint64()), ("key", pa.string()), ("row", pa.int32()), ("own", pa.bool_())])

# kinds that are searched, in the order of their codes in KINDS; whatever is not here is found by its id alone
SEARCHED = (
    "cve", "exploited", "weakness", "weakness_group", "attack_pattern", "technique", "tactic", "mitigation", "group",
    "campaign", "malware", "tool", "detection_strategy", "data_source", "data_component", "asset", "case_study",
    "defence", "advisory", "guide", "requirement", "rule", "paper",
)  # fmt: skip
EMBEDDED = frozenset(SEARCHED) - {"cve", "exploited", "advisory"}  # kinds without bound are found by their words


def name_hash(key: str) -> int:
    """The number by which NAMES is sorted."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())


def digest_of(manifest: Mapping[str, Any]) -> str:
    """The name of the pack that a manifest describes."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as its file holds it."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
