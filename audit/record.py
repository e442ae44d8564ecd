"""An entry as a caller hands it in, and the leaf that the log stores for it. Pure; knows no key and no file.

A leaf is UTF-8 JSON with sorted keys, no spaces and no floats, under 64 KB, written once; its bytes are what is hashed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import uuid4

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
_REQUEST_ID = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to append. `subject` is the plain name; a leaf only ever holds its tag. "" = nobody."""

    kind: Kind
    request_id: str
    seq: int
    tenant: str
    subject: str
    fields: Mapping[str, Any]
    text: str | None = None
    actor: str = "gateway"

    @classmethod
    def operational(cls, kind: Kind, fields: Mapping[str, Any], actor: str = "log") -> Self:
        """A record about the system itself, under an id of its own."""
        return cls(kind, str(uuid4()), 0, "", "", fields, actor=actor)

    def checked(self) -> Self:
        """This entry with its kind's shape applied; BadEntry says expected and got."""
        self._check_envelope()
        self._check_text()
        fields = shapes.validate(self.kind, self.fields)
        size = len(canonical(fields))
        _expect(size <= MAX_FIELDS_BYTES, "fields", f"at most {MAX_FIELDS_BYTES} bytes", size)
        return replace(self, fields=fields)

    def to_json(self) -> dict[str, Any]:
        """JSON object for POST /v1/audit/records."""
        return {
            "kind": self.kind.value, "request_id": self.request_id, "seq": self.seq, "tenant": self.tenant,
            "subject": self.subject, "fields": dict(self.fields), "text": self.text, "actor": self.actor,
        }  # fmt: skip

    @classmethod
    def from_json(cls, obj: object) -> Self:
        """The entry in a JSON object; BadEntry says expected and got. Its kind's shape is the log's to check."""
        _expect(isinstance(obj, dict), "record", "a JSON object", type(obj).__name__)
        assert isinstance(obj, dict)  # noqa: S101 - narrows what the line above checked
        known = {"kind", "request_id", "seq", "tenant", "subject", "fields", "text", "actor"}
        _expect(set(obj) <= known, "record", f"only {sorted(known)}", sorted(set(obj) - known))
        missing = known - {"text", "actor"} - set(obj)
        _expect(not missing, "record", f"all of {sorted(known - {'text', 'actor'})}", f"no {sorted(missing)}")
        _expect(isinstance(obj["fields"], dict), "fields", "a JSON object", type(obj["fields"]).__name__)
        _expect(
            isinstance(obj["kind"], str) and obj["kind"] in set(Kind), "kind", f"one of {sorted(Kind)}", obj["kind"]
        )
        entry = cls(**(obj | {"kind": Kind(obj["kind"])}))
        entry._check_envelope()
        return entry

    def _check_envelope(self) -> None:
        _expect(isinstance(self.kind, Kind), "kind", "a Kind", self.kind)
        known = isinstance(self.request_id, str) and _REQUEST_ID.fullmatch(self.request_id) is not None
        _expect(known, "request_id", "1 to 200 printable ASCII characters", self.request_id)
        _expect(type(self.seq) is int and 0 <= self.seq <= MAX_SEQ, "seq", "an integer from 0", self.seq)
        _expect(self.kind is not Kind.request or self.seq == 0, "seq", "0 for a request", self.seq)
        _expect(_short(self.tenant, 128), "tenant", "up to 128 characters", self.tenant)
        _expect(_short(self.actor, 64) and bool(self.actor), "actor", "1 to 64 characters", self.actor)
        _expect(_short(self.subject, 512), "subject", "up to 512 characters", type(self.subject).__name__)

    def _check_text(self) -> None:
        if self.text is None:
            _expect(self.kind not in TEXT_REQUIRED, "text", f"a string with {self.kind}", None)
            return
        _expect(self.kind in TEXT_ALLOWED, "text", f"none with {self.kind}", "text")
        _expect(isinstance(self.text, str), "text", "a string", type(self.text).__name__)
        _expect(bool(self.subject), "subject", "a name, because text is kept under a person's key", "none")
        try:
            size = len(self.text.encode())
        except UnicodeEncodeError as error:
            raise BadEntry("text: expected valid Unicode, got a lone surrogate") from error
        _expect(size <= MAX_TEXT_BYTES, "text", f"at most {MAX_TEXT_BYTES} bytes", size)


def canonical(value: object) -> bytes:
    """The one JSON encoding of a value; BadEntry if it has none (a float, a lone surrogate)."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadEntry(f"record has no JSON form: {type(error).__name__}") from error


def parse_leaf(data: bytes) -> dict[str, Any]:
    """The leaf in stored bytes; BadEntry unless they are the canonical form of a version 1 record."""
    _expect(len(data) < MAX_LEAF_BYTES, "leaf", f"under {MAX_LEAF_BYTES} bytes", len(data))
    try:
        leaf: dict[str, Any] = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadEntry("leaf is not JSON") from error
    _expect(isinstance(leaf, dict), "leaf", "an object", type(leaf).__name__)
    _expect(LEAF_KEYS <= set(leaf) <= LEAF_KEYS | {"seal"}, "leaf", "the record's keys", "others")
    _expect(leaf["v"] == VERSION, "v", str(VERSION), leaf["v"])
    _expect(canonical(leaf) == data, "leaf", "its canonical form", "another")
    _expect(isinstance(leaf["kind"], str) and leaf["kind"] in set(Kind), "kind", "a known kind", leaf["kind"])
    _expect(isinstance(leaf["fields"], dict), "fields", "an object", type(leaf["fields"]).__name__)
    shapes.validate(Kind(leaf["kind"]), leaf["fields"])
    return leaf


def identity(leaf: Mapping[str, Any]) -> str:
    """Digest of what the caller said, without place, time and ciphertext: equal for a retry, else different."""
    said = {key: value for key, value in leaf.items() if key not in {"idx", "ts", "seal"}}
    if said["content"] is not None:
        said["content"] = {key: value for key, value in said["content"].items() if key != "ct_sha256"}
    return hashlib.sha256(canonical(said)).hexdigest()


def _short(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and value.isprintable()


def _expect(condition: bool, what: str, expected: str, got: object) -> None:
    if not condition:
        raise BadEntry(f"{what}: expected {expected}, got {str(got)[:100]!r}")
