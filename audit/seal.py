"""Text outside the tree: encrypted cell, salted commitment, and the keys of one record. Pure.

The salt follows from the subject key and the record id, so the commitment of a retry equals the first one's and two
records are compared without decrypting. AES-GCM alone would not bind the text: one cell can open to two texts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.errors import Unproven
from audit.record import canonical
from audit.subjects import NONCE_BYTES, SubjectKey, SubjectKeys

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class RecordId:
    """What a record's keys are bound to."""

    origin: str
    request_id: str
    seq: int
    kind: str

    def derive(self, key: SubjectKey) -> RecordKeys:
        """HKDF-SHA256 (RFC 5869) of the subject key, no salt, 64 bytes; info = canonical JSON of log and record id."""
        info = canonical(["preceptor/v1/record", self.origin, self.request_id, self.seq, self.kind])
        cell = hmac.digest(key.prk, info + b"\x01", "sha256")
        return RecordKeys(cell, hmac.digest(key.prk, cell + info + b"\x02", "sha256"), key.epoch)

    @property
    def associated(self) -> bytes:
        """AAD of the cell: request_id, seq, kind as canonical JSON."""
        return canonical([self.request_id, self.seq, self.kind])


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """Cell key and commitment salt of one record."""

    cell: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    epoch: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """`leaf` goes into the leaf, `cell` into the content column; `salt` goes to the text's owner."""

    leaf: dict[str, Any]
    cell: bytes | None
    salt: bytes = field(repr=False)


def seal(record: RecordId, key: SubjectKey, text: str, *, stored: bool) -> Sealed:
    """Commit to `text`, and encrypt it unless it is stored elsewhere (an answer is its windows)."""
    keys, data = record.derive(key), text.encode()
    cell = None
    if stored:
        nonce = secrets.token_bytes(NONCE_BYTES)
        cell = nonce + AESGCM(keys.cell).encrypt(nonce, keys.salt + data, record.associated)
    leaf = {
        "commit": hashlib.sha256(keys.salt + data).hexdigest(),
        "ct_sha256": None if cell is None else hashlib.sha256(cell).hexdigest(),
        "epoch": keys.epoch,
        "len": len(data),
    }
    return Sealed(leaf, cell, keys.salt)


def open_cell(record: RecordId, key: SubjectKey, cell: bytes, commit: str) -> str:
    """The text in a cell; Unproven if it is not what the leaf commits to."""
    keys = record.derive(key)
    try:
        plain = AESGCM(keys.cell).decrypt(cell[:NONCE_BYTES], cell[NONCE_BYTES:], record.associated)
        if hashlib.sha256(plain).hexdigest() != commit:
            raise Unproven("text is not what the leaf commits to")
        return plain[SALT_BYTES:].decode()
    except (InvalidTag, ValueError) as error:
        raise Unproven("content cell does not open") from error


def text_of(leaf: dict[str, Any], cell: bytes | None, subjects: SubjectKeys) -> str | None:
    """The text in a record's cell; None without a cell or once the key is gone. Unproven if it is not the leaf's."""
    if cell is None or leaf["content"] is None or leaf["subject"] is None:
        return None
    key = subjects.by_tag(leaf["tenant"], leaf["subject"])
    if key is None:
        return None
    record = RecordId(leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"])
    return open_cell(record, key, cell, leaf["content"]["commit"])
