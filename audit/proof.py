"""C2SP tlog-proof codec, and what a receipt proves offline with one public key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import orjson

from audit.checkpoint import Checkpoint, b64, decimal, unb64
from audit.errors import BadNote, BadProof
from audit.keyring import KeyRing
from audit.merkle import HASH_BYTES, leaf_hash, root_from_path

MAGIC = "c2sp.org/tlog-proof@v1"
MAX_PROOF_CHARS = 256 * 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """`checkpoint` is the signed note verbatim; `extra` is opaque and not authenticated by itself."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        extra = [] if self.extra is None else [f"extra {b64(self.extra)}"]
        return "\n".join([MAGIC, *extra, f"index {self.index}", *map(b64, self.path), "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> Proof:
        """The proof in `text`; BadProof otherwise."""
        if len(text) > MAX_PROOF_CHARS:
            raise BadProof(f"proof: expected at most {MAX_PROOF_CHARS} characters, got {len(text)}")
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != MAGIC:
            raise BadProof(f"proof: expected {MAGIC}")
        try:
            extra = unb64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
            if not lines or not lines[0].startswith("index "):
                raise BadProof("proof: expected an index line")
            index = decimal(lines.pop(0)[6:])
            path = tuple(unb64(line) for line in lines)
        except BadNote as error:
            raise BadProof(f"proof: {error}") from error
        if any(len(node) != HASH_BYTES for node in path):
            raise BadProof("proof: expected 32 byte hashes")
        return cls(index, path, note, extra)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a valid receipt establishes: this leaf stands at `index` under this signed head."""

    head: Checkpoint
    index: int
    leaf: dict[str, Any]
    salt: bytes | None

    def commits_to(self, text: str) -> bool | None:
        """Whether the record commits to `text`; None when the receipt carries no salt."""
        content = self.leaf.get("content")
        if self.salt is None or not isinstance(content, dict):
            return None
        return content.get("commit") == hashlib.sha256(self.salt + text.encode("utf-8", "surrogatepass")).hexdigest()


def pack_extra(leaf: bytes, salt: bytes | None) -> bytes:
    """Our `extra`: the leaf as text and, where there is text, the commitment's salt."""
    fields = {"leaf": leaf.decode(), "salt": None if salt is None else b64(salt)}
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def check_receipt(text: str, ring: KeyRing) -> Proven:
    """Verify a receipt against the public key of its root, or its successors; BadProof or BadNote otherwise."""
    proof = Proof.parse(text)
    leaf, salt = _unpack_extra(proof.extra)
    head = ring.open_any(proof.checkpoint)
    if root_from_path(leaf_hash(leaf), proof.index, head.size, proof.path) != head.root:
        raise BadProof("inclusion proof does not lead to the signed root")
    fields = _json_object(leaf, "leaf")
    if (fields.get("origin"), fields.get("idx")) != (head.origin, proof.index):
        raise BadProof("leaf names another log or index than its proof")
    return Proven(head, proof.index, fields, salt)


def _unpack_extra(extra: bytes | None) -> tuple[bytes, bytes | None]:
    if extra is None:
        raise BadProof("receipt carries no leaf (no extra line)")
    fields = _json_object(extra, "extra")
    leaf, salt = fields.get("leaf"), fields.get("salt")
    if not isinstance(leaf, str) or not (salt is None or isinstance(salt, str)):
        raise BadProof("extra: expected a leaf, and a salt in base 64")
    try:
        stored, opener = leaf.encode(), None if salt is None else unb64(salt)
    except (BadNote, UnicodeEncodeError) as error:
        raise BadProof(f"extra: {error}") from error
    if pack_extra(stored, opener) != extra:
        raise BadProof("extra is not in its one form")
    return stored, opener


def _json_object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadProof(f"{what} is not JSON") from error
    if not isinstance(value, dict):
        raise BadProof(f"{what}: expected a JSON object")
    return value
