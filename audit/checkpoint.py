"""C2SP signed-note, tlog-checkpoint and verifier keys as a pure codec (Ed25519, signature type 0x01).

Parsing is strict: whatever parses re-encodes to the same bytes, so no bit can change unnoticed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import BadNote
from audit.merkle import HASH_BYTES

ED25519 = b"\x01"
MAX_NOTE_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(r"— (\S+) (\S+)")


def b64(data: bytes) -> str:
    """Standard base 64 (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def unb64(text: str) -> bytes:
    """Canonical base 64 only; BadNote otherwise."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("not base 64") from error
    if b64(data) != text:
        raise BadNote("base 64 is not canonical")
    return data


def decimal(text: str) -> int:
    """ASCII decimal without leading zeroes; BadNote otherwise."""
    if not _DECIMAL.fullmatch(text):
        raise BadNote(f"not a decimal number: {text[:32]!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """`<name>+<key id>+<base 64 of type and public key>`; the name is the log's origin."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > 255:
            raise BadNote(f"key name: expected path segments of [A-Za-z0-9._~-], got {self.name[:64]!r}")
        if len(self.public) != HASH_BYTES:
            raise BadNote(f"public key: expected 32 bytes, got {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """signed-note: SHA-256(name || 0x0A || type || public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def family(self) -> str:
        """What sibling logs share: the name without its last segment."""
        return self.name.rpartition("/")[0]

    def sibling(self, origin: str) -> VerifierKey:
        """The key of another log of the same root; BadNote for a stranger."""
        key = VerifierKey(origin, self.public)
        if key.family != self.family:
            raise BadNote(f"origin {origin!r} is no log of {self.family!r}")
        return key

    def is_sibling(self, other: VerifierKey) -> bool:
        """Whether `other` is the same key for a log of the same root."""
        return (self.public, self.family) == (other.public, other.family)

    def check(self, signature: bytes, message: bytes) -> None:
        """Raise BadNote unless `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise BadNote(f"signature is not by {self.name}") from error

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key in `text` (one line, one newline at most); BadNote otherwise."""
        name, plus, rest = text.removesuffix("\n").partition("+")
        _, second, encoded = rest.partition("+")
        if not plus or not second:
            raise BadNote("verifier key: expected name+id+key")
        key = unb64(encoded)
        if key[:1] != ED25519:
            raise BadNote("verifier key: expected Ed25519 (type 0x01)")
        parsed = cls(name, key[1:])
        if str(parsed) != text.removesuffix("\n"):
            raise BadNote("verifier key: id does not belong to name and key")
        return parsed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tree head of one log (tlog-checkpoint, no extension lines)."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The note text."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    def sign(self, key: Ed25519PrivateKey) -> str:
        """The signed note; key name = origin, as the specification recommends."""
        verifier = VerifierKey(self.origin, key.public_key().public_bytes_raw())
        signature = verifier.key_id + key.sign(self.body.encode())
        return f"{self.body}\n— {self.origin} {b64(signature)}\n"

    @classmethod
    def parse(cls, body: str) -> Checkpoint:
        """The checkpoint in a note text; BadNote otherwise."""
        lines = body.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise BadNote("checkpoint: expected three lines")
        root = unb64(lines[2])
        if len(root) != HASH_BYTES:
            raise BadNote(f"checkpoint: expected a 32 byte root, got {len(root)}")
        return cls(lines[0], decimal(lines[1]), root)


def read_checkpoint(note: str) -> Checkpoint:
    """The UNVERIFIED head in a note: only to learn which key to ask for."""
    return Checkpoint.parse(_split(note)[0])


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The head in `note`, signed by `key` whose name is its origin; BadNote otherwise.

    Signatures by unknown keys (witnesses) are ignored, as signed-note demands.
    """
    body, signatures = _split(note)
    head = Checkpoint.parse(body)
    if head.origin != key.name:
        raise BadNote(f"checkpoint: expected origin {key.name!r}, got {head.origin!r}")
    verified = False
    for line in signatures:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise BadNote("note: malformed signature line")
        blob = unb64(match[2])
        if match[1] == key.name and blob[:4] == key.key_id:
            key.check(blob[4:], body.encode())
            verified = True
    if not verified:
        raise BadNote(f"note is not signed by {key.name}")
    return head


def _split(note: str) -> tuple[str, list[str]]:
    if len(note) > MAX_NOTE_BYTES or any(c < " " and c != "\n" for c in note):
        raise BadNote("note: too long or with control characters")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise BadNote("note: expected text, an empty line and signatures")
    return text + "\n", tail[:-1].split("\n")
