"""An entry as a caller hands it in, and the leaf that the log stores for it. Pure; knows no key and no file.

A leaf is UTF-8 JSON with sorted keys, no spaces and no floats, under 64 KB, written once; its bytes are what is hashed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self
from uuid import uuid4

import orjson

from audit import shapes
from audit.errors import BadEntry
from audit.kinds import CLOSING, EXCHANGE, TEXT_ALLOWED, TEXT_REQUIRED, Kind

__all__ = ["CLOSING", "EXCHANGE", "Entry", "Kind", "canonical", "identity", "parse_leaf"]

VERSION = 1
MAX_LEAF_BYTES = 64 * 1024
MAX_FIELDS_BYTES = 60 * 1024
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_SEQ = 2**31 - 1
LEAF_KEYS = frozenset({"v", "origin", "idx", "ts", "kind", "request_id", "seq", "tenant", "subject", "actor",
                       "fields", "content"})  # fmt: skip
SEALED_KEYS = LEAF_KEYS | {"seal"}
KINDS = MappingProxyType({kind.value: kind for kind in Kind})
_REQUEST_ID = re.compile(r"[!-~]{1,200}")
_TAG = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to append. `subject` is the plain name; a leaf only ever holds its tag. "" = nobody.

    Who knows a person only by the tag in other records names that instead, as `subject_tag`. With `if_last` it is taken
    only while that record is the last of that state (`audit.state`).
    """

    kind: Kind
    request_id: str
    seq: int
    tenant: str
    subject: str
    fields: Mapping[str, Any]
    text: str | None = None
    actor: str = "gateway"
    if_last: tuple[str, int] | None = None
    subject_tag: str | None = None

    @classmethod
    def operational(cls, kind: Kind, fields: Mapping[str, Any], actor: str = "log") -> Self:
        """A record about the system itself, under an id of its own."""
        return cls(kind, str(uuid4()), 0, "", "", fields, actor=actor)

    def checked(self) -> Entry:
        """This entry with its kind's shape applied; BadEntry says expected and got."""
        self._check_envelope()
        self._check_text()
        fields = shapes.validate(self.kind, self.fields)
        if len(canonical(fields)) > MAX_FIELDS_BYTES:
            raise _wrong("fields", f"at most {MAX_FIELDS_BYTES} bytes", "more")
        return replace(self, fields=fields)

    def to_json(self) -> dict[str, Any]:
        """JSON object for POST /v1/audit/records."""
        return {
            "kind": self.kind.value, "request_id": self.request_id, "seq": self.seq, "tenant": self.tenant,
            "subject": self.subject, "fields": dict(self.fields), "text": self.text, "actor": self.actor,
            **({} if self.if_last is None else {"if_last": list(self.if_last)}),
            **({} if self.subject_tag is None else {"subject_tag": self.subject_tag}),
        }  # fmt: skip

    @classmethod
    def from_json(cls, obj: object) -> Self:
        """The entry in a JSON object; BadEntry says expected and got. Its kind's shape is the log's to check."""
        _expect(isinstance(obj, dict), "record", "a JSON object", type(obj).__name__)
        assert isinstance(obj, dict)  # noqa: S101 - narrows what the line above checked
        required = {"kind", "request_id", "seq", "tenant", "subject", "fields"}
        known = required | {"text", "actor", "if_last", "subject_tag"}
        _expect(set(obj) <= known, "record", f"only {sorted(known)}", sorted(set(obj) - known))
        missing = required - set(obj)
        _expect(not missing, "record", f"all of {sorted(required)}", f"no {sorted(missing)}")
        _expect(isinstance(obj["fields"], dict), "fields", "a JSON object", type(obj["fields"]).__name__)
        _expect(
            isinstance(obj["kind"], str) and obj["kind"] in set(Kind), "kind", f"one of {sorted(Kind)}", obj["kind"]
        )
        entry = cls(**(obj | {"kind": Kind(obj["kind"]), "if_last": _condition(obj.get("if_last"))}))
        entry._check_envelope()
        return entry

    def _check_envelope(self) -> None:
        if not isinstance(self.kind, Kind):
            raise _wrong("kind", "a Kind", self.kind)
        if not isinstance(self.request_id, str) or _REQUEST_ID.fullmatch(self.request_id) is None:
            raise _wrong("request_id", "1 to 200 printable ASCII characters", self.request_id)
        if type(self.seq) is not int or not 0 <= self.seq <= MAX_SEQ:
            raise _wrong("seq", "an integer from 0", self.seq)
        if self.kind is Kind.request and self.seq != 0:
            raise _wrong("seq", "0 for a request", self.seq)
        if not _short(self.tenant, 128):
            raise _wrong("tenant", "up to 128 characters", self.tenant)
        if not _short(self.actor, 64) or not self.actor:
            raise _wrong("actor", "1 to 64 characters", self.actor)
        if not _short(self.subject, 512):
            raise _wrong("subject", "up to 512 characters", type(self.subject).__name__)
        if self.subject_tag is not None and (self.subject or _TAG.fullmatch(str(self.subject_tag)) is None):
            raise _wrong("subject_tag", "64 hex digits, and then no subject", "another")

    def _check_text(self) -> None:
        if self.text is None:
            if self.kind in TEXT_REQUIRED:
                raise _wrong("text", f"a string with {self.kind}", None)
            return
        if self.kind not in TEXT_ALLOWED:
            raise _wrong("text", f"none with {self.kind}", "text")
        if not isinstance(self.text, str):
            raise _wrong("text", "a string", type(self.text).__name__)
        if not self.subject and not self.subject_tag:
            raise _wrong("subject", "a name, because text is kept under a person's key", "none")
        try:
            size = len(self.text.encode())
        except UnicodeEncodeError as error:
            raise BadEntry("text: expected valid Unicode, got a lone surrogate") from error
        if size > MAX_TEXT_BYTES:
            raise _wrong("text", f"at most {MAX_TEXT_BYTES} bytes", size)


def canonical(value: object) -> bytes:
    """The one JSON encoding of a value; BadEntry if it has none (a lone surrogate, an integer over 64 bits)."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError) as error:
        raise BadEntry(f"record has no JSON form: {error}") from error


def parse_leaf(data: bytes) -> dict[str, Any]:
    """The leaf in stored bytes; BadEntry unless they are the canonical form of a version 1 record."""
    if len(data) >= MAX_LEAF_BYTES:
        raise _wrong("leaf", f"under {MAX_LEAF_BYTES} bytes", len(data))
    try:
        leaf: dict[str, Any] = orjson.loads(data)
    except ValueError as error:
        raise BadEntry("leaf is not JSON") from error
    if not isinstance(leaf, dict) or not LEAF_KEYS <= leaf.keys() <= SEALED_KEYS:
        raise _wrong("leaf", "an object with the record's keys", "others")
    if type(leaf["v"]) is not int or leaf["v"] != VERSION:
        raise _wrong("v", str(VERSION), leaf["v"])
    if not _is_typed(leaf):
        raise _wrong("leaf", "integers, strings, content and seal where they belong", "others")
    if canonical(leaf) != data:
        raise _wrong("leaf", "its canonical form", "another")
    kind = KINDS.get(leaf["kind"]) if isinstance(leaf["kind"], str) else None
    if kind is None or not isinstance(leaf["fields"], dict):
        raise _wrong("kind, fields", "a known kind with an object", leaf["kind"])
    shapes.require(kind, leaf["fields"])
    return leaf


def identity(leaf: Mapping[str, Any]) -> str:
    """Digest of what the caller said, without place, time and ciphertext: equal for a retry, else different."""
    said = {key: value for key, value in leaf.items() if key not in {"idx", "ts", "seal"}}
    if said["content"] is not None:
        said["content"] = {key: value for key, value in said["content"].items() if key != "ct_sha256"}
    return hashlib.sha256(canonical(said)).hexdigest()


def _is_typed(leaf: Mapping[str, Any]) -> bool:
    """Whether what no kind's shape covers has its types: two JSON readers may disagree about a float."""
    return (
        type(leaf["idx"]) is type(leaf["ts"]) is type(leaf["seq"]) is int
        and type(leaf["origin"]) is type(leaf["request_id"]) is type(leaf["tenant"]) is type(leaf["actor"]) is str
        and (leaf["subject"] is None or type(leaf["subject"]) is str)
        and (leaf["content"] is None or _is_content(leaf["content"]))
        and ("seal" not in leaf or _is_seal(leaf["seal"]))
    )


def _is_content(it: Any) -> bool:
    if type(it) is not dict or it.keys() != {"commit", "ct_sha256", "epoch", "len"}:
        return False
    stored = it["ct_sha256"] is None or type(it["ct_sha256"]) is str
    return stored and type(it["commit"]) is str and type(it["epoch"]) is type(it["len"]) is int


def _is_seal(it: Any) -> bool:
    if type(it) is not dict or it.keys() != {"bytes", "sha256", "start"}:
        return False
    return type(it["sha256"]) is str and type(it["bytes"]) is type(it["start"]) is int


def _condition(value: object) -> tuple[str, int] | None:
    if value is None:
        return None
    fits = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int
    _expect(fits, "if_last", "[key, index]", value)
    assert isinstance(value, list)  # noqa: S101 - narrows what the line above checked
    return value[0], value[1]


def _short(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and value.isprintable()


def _expect(condition: bool, what: str, expected: str, got: object) -> None:
    if not condition:
        raise _wrong(what, expected, got)


def _wrong(what: str, expected: str, got: object) -> BadEntry:
    return BadEntry(f"{what}: expected {expected}, got {str(got)[:100]!r}")
