"""The views `records` and `exchanges` as Arrow tables. Text is NULL without keys, and once its subject is erased.

Every file is checked before it is read, so a view never shows what was not signed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from audit import segment
from audit.content import RecordId, open_cell
from audit.errors import BadRoot, BadSegment
from audit.folder import LogFolder, read_key
from audit.keys import Keys, SubjectKeys
from audit.record import CLOSING, Kind, canonical

TIME = pa.timestamp("us", tz="UTC")
RECORDS = pa.schema(
    [("origin", pa.string()), ("idx", pa.int64()), ("ts", TIME), ("kind", pa.string()), ("request_id", pa.string()),
     ("seq", pa.int32()), ("tenant", pa.string()), ("subject", pa.string()), ("actor", pa.string()),
     ("action", pa.string()), ("category", pa.string()), ("score", pa.float64()), ("fields", pa.string()),
     ("text", pa.string())]
)  # fmt: skip
EXCHANGES = pa.schema(
    [("request_id", pa.string()), ("subject", pa.string()), ("tenant", pa.string()), ("ts", TIME),
     ("prompt", pa.string()), ("response", pa.string()), ("action", pa.string()), ("category", pa.string()),
     ("score", pa.float64()), ("finish_reason", pa.string()), ("model_digest", pa.string()),
     ("guard_digest", pa.string()), ("policy_digest", pa.string()), ("terms_digest", pa.string()),
     ("origin", pa.string()), ("idx", pa.int64())]
)  # fmt: skip
_FINISH: Mapping[str, str] = {
    Kind.refusal: "content_filter",
    Kind.lesson: "lesson",
    Kind.fault: "fault",
    Kind.interrupted: "interrupted",
}
_DIGESTS = ("model_digest", "guard_digest", "policy_digest", "terms_digest")


@dataclass(frozen=True, slots=True)
class Stored:
    """A leaf with its text, where keys and subject still open it."""

    leaf: dict[str, Any]
    text: str | None


@dataclass(slots=True)
class _Exchange:
    request: Stored
    windows: list[str | None] = field(default_factory=list)
    closing: Stored | None = None


def stored(root: Path, keys: SubjectKeys | None = None) -> Iterator[Stored]:
    """All records of all logs of a root. BadRoot, BadNote, BadSegment, BadKeys, OSError."""
    top = read_key(root / "log.vkey")
    for path in sorted(path for path in root.iterdir() if (path / "seg").is_dir()):
        folder = LogFolder(path)
        key = top.sibling(folder.key().name)
        for start in folder.starts():
            try:
                checked = segment.decode(folder.segment(start).read_bytes(), key, start)
            except BadSegment as error:
                raise BadSegment(f"{path.name}/seg/{start:020}.parquet: {error}", error.index) from error
            for leaf, row in zip(checked.leaves, checked.rows, strict=True):
                yield Stored(leaf, _text(leaf, row.content, keys))


def records(root: Path, keys: Keys | SubjectKeys | None = None) -> pa.Table:
    """One row per record."""
    return _records_table(list(stored(root, _subjects(keys))))


def exchanges(root: Path, keys: Keys | SubjectKeys | None = None) -> pa.Table:
    """One row per request that passed admission."""
    return _exchanges_table(list(stored(root, _subjects(keys))))


def views(root: Path, keys: Keys | SubjectKeys | None = None) -> dict[str, pa.Table]:
    """All views from one pass over the files; BadRoot if there is no log."""
    held = list(stored(root, _subjects(keys)))
    if not held:
        raise BadRoot(f"{root}: expected logs, found none")
    return {"records": _records_table(held), "exchanges": _exchanges_table(held)}


def _subjects(keys: Keys | SubjectKeys | None) -> SubjectKeys | None:
    return keys.subjects if isinstance(keys, Keys) else keys


def _text(leaf: dict[str, Any], cell: bytes | None, keys: SubjectKeys | None) -> str | None:
    if keys is None or cell is None or leaf["subject"] is None:
        return None
    key = keys.by_tag(leaf["tenant"], leaf["subject"])
    if key is None:
        return None
    record = RecordId(leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"])
    return open_cell(record, key, cell, leaf["content"]["commit"])


def _records_table(held: list[Stored]) -> pa.Table:
    plain = ("origin", "idx", "ts", "kind", "request_id", "seq", "tenant", "subject", "actor")
    columns: dict[str, list[Any]] = {name: [one.leaf[name] for one in held] for name in plain}
    columns["action"] = [segment.action_of(one.leaf) for one in held]
    columns["category"] = [one.leaf["fields"].get("category") for one in held]
    columns["score"] = [_score(one.leaf["fields"]) for one in held]
    columns["fields"] = [canonical(one.leaf["fields"]).decode() for one in held]
    columns["text"] = [one.text for one in held]
    return pa.table(columns, schema=RECORDS)


def _exchanges_table(held: list[Stored]) -> pa.Table:
    now = time.time_ns() // 1000
    found: dict[str, _Exchange] = {}
    for one in held:
        request_id, kind = one.leaf["request_id"], one.leaf["kind"]
        if kind == Kind.request:
            found[request_id] = _Exchange(one)
        elif request_id in found and kind == Kind.window:
            found[request_id].windows.append(one.text)
        elif request_id in found and kind in CLOSING:
            found[request_id].closing = one
    return pa.Table.from_pylist([_row(exchange, now) for exchange in found.values()], schema=EXCHANGES)


def _row(exchange: _Exchange, now: int) -> dict[str, Any]:
    leaf = exchange.request.leaf
    fields, finish = leaf["fields"], _finish(exchange, now)
    # an answer that the guard cut short was decided at its end, everything else at its request
    decided = fields
    if exchange.closing is not None and exchange.closing.leaf["kind"] == Kind.answer and finish == "content_filter":
        decided = exchange.closing.leaf["fields"] | {"action": "REFUSE"}
    return {
        **{name: leaf[name] for name in ("request_id", "subject", "tenant", "ts", "origin", "idx")},
        **{name: fields[name] for name in _DIGESTS},
        "prompt": exchange.request.text,
        "response": _response(exchange),
        "action": decided["action"],
        "category": decided["category"],
        "score": _score(decided),
        "finish_reason": finish,
    }


def _finish(exchange: _Exchange, now: int) -> str | None:
    """How it ended; an open exchange past its deadline is interrupted by definition."""
    if exchange.closing is None:
        return "interrupted" if exchange.request.leaf["fields"]["deadline_us"] < now else None
    leaf = exchange.closing.leaf
    return _FINISH.get(leaf["kind"]) or str(leaf["fields"]["finish_reason"])


def _response(exchange: _Exchange) -> str | None:
    closing = exchange.closing
    if closing is not None and closing.leaf["kind"] in (Kind.refusal, Kind.lesson):
        return closing.text
    if exchange.request.text is None or None in exchange.windows:
        return None
    return "".join(text for text in exchange.windows if text is not None)


def _score(fields: Mapping[str, Any]) -> float | None:
    ppm = fields.get("score_ppm")
    return None if ppm is None else ppm / 1_000_000
