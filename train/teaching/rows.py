"""The rows of the teaching set: what a pair becomes when its texts are clean, and the Parquet columns it is kept in."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from train.teaching.author import Draft
from train.teaching.licences import Terms, of_row

Row = dict[str, Any]
_ORIGIN = pa.struct(
    [
        ("source", pa.string()),
        ("member", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("sha256", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("family", pa.string()),
        ("verdict", pa.string()),  # answer, refuse or teach
        ("split", pa.string()),  # train, dev or test, by object
        ("template_id", pa.string()),
        ("template_split", pa.string()),  # test for ways to ask that are held out
        ("object_ids", pa.list_(pa.string())),
        ("source", pa.list_(pa.string())),
        ("source_version", pa.string()),  # of the thing that the row is about, as published
        ("source_uri", pa.string()),
        ("license", pa.string()),
        ("shard", pa.string()),
        ("credits", pa.list_(pa.string())),  # authors that a licence wants to be named
        ("origins", pa.list_(_ORIGIN)),
        ("sanitizer_version", pa.string()),
        ("canary", pa.bool_()),
    ]
)


def row(draft: Draft, clean: Mapping[str, str], register: Mapping[str, Terms], version: str) -> Row:
    """One row. Its id depends on what is in it, so equal pairs have equal ids."""
    ask, answer = draft.said(clean)
    sources = sorted({origin.source for origin in draft.origins})
    licence, shard = of_row(sources, register)
    messages = [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    told = json.dumps([draft.family, draft.phrasing.id, draft.objects, messages], ensure_ascii=False)
    return {
        "id": hashlib.sha256(told.encode()).hexdigest()[:32], "messages": messages, "family": draft.family,
        "verdict": draft.verdict, "split": draft.side, "template_id": draft.phrasing.id,
        "template_split": "test" if draft.phrasing.held_out else "train", "object_ids": list(draft.objects),
        "source": sources, "source_version": draft.version, "source_uri": draft.uri, "license": licence, "shard": shard,
        "credits": list(draft.credits),
        "origins": [{name: getattr(each, name) for name in each.__slots__} for each in draft.origins],
        "sanitizer_version": version, "canary": draft.family == "canary",
    }  # fmt: skip
