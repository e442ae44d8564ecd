"""C2SP tlog-cosignature v1 as a pure codec: timestamped Ed25519 cosignatures of checkpoints (signature type 0x04).

A cosignature says: at this time, this was the largest tree of the log that the witness had seen grow consistently.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.checkpoint import Checkpoint, b64, read_checkpoint, unb64
from audit.errors import BadNote

TIMESTAMPED = b"\x04"
KEY_BYTES = 32
KEY_ID_BYTES = 4
TIME_BYTES = 8
SIGNATURE_BYTES = 64
MAX_TIME_S = 2**63 - 1
_NAME = re.compile(r"[^\s+]{1,255}")
_LINE = re.compile(r"— (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's verifier key, `<name>+<key id>+<base 64 of 0x04 and public key>` (signed-note, tlog-cosignature)."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadNote(f"witness name: expected 1 to 255 characters without space or plus, got {self.name[:64]!r}")
        if len(self.public) != KEY_BYTES:
            raise BadNote(f"witness key: expected {KEY_BYTES} bytes, got {len(self.public)}")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || 0x04 || public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + TIMESTAMPED + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(TIMESTAMPED + self.public)}"

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """The key in `text` (one line, one newline at most); BadNote otherwise."""
        line = text.removesuffix("\n")
        name, _, rest = line.partition("+")
        key = unb64(rest.partition("+")[2])
        if key[:1] != TIMESTAMPED:
            raise BadNote("witness key: expected name+id+key of a timestamped Ed25519 cosigner (type 0x04)")
        parsed = cls(name, key[1:])
        if str(parsed) != line:
            raise BadNote("witness key: id does not belong to name and key")
        return parsed


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature line of a note, unverified."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64(self.key_id + self.signature)}"

    @classmethod
    def parse(cls, line: str) -> SignatureLine:
        """The signature in a line without its newline; BadNote."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadNote("note: malformed signature line")
        blob = unb64(match[2])
        if len(blob) <= KEY_ID_BYTES:
            raise BadNote(f"note: expected a key id and a signature, got {len(blob)} bytes")
        return cls(match[1], blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def signature_lines(note: str) -> list[SignatureLine]:
    """The signatures under a checkpoint, in order, unverified; BadNote for what is no signed checkpoint."""
    body = read_checkpoint(note).body
    return [SignatureLine.parse(line) for line in note[len(body) + 1 : -1].split("\n")]


def cosign(head: Checkpoint, key: WitnessKey, signer: Ed25519PrivateKey, time_s: int) -> SignatureLine:
    """The line in which the witness `key`, whose private part is `signer`, vouches for `head` at a POSIX time."""
    if not 0 < time_s <= MAX_TIME_S:
        raise BadNote(f"cosignature: expected a POSIX time in 1..{MAX_TIME_S}, got {time_s}")
    signature = signer.sign(_message(head, time_s))
    return SignatureLine(key.name, key.key_id, time_s.to_bytes(TIME_BYTES, "big") + signature)


def cosigned_at(note: str, key: WitnessKey) -> int:
    """POSIX time at which `key` last cosigned the checkpoint in `note`; BadNote unless it did.

    Lines by other keys are ignored; a line by this key that does not verify spoils the note (signed-note).
    """
    head = read_checkpoint(note)
    own = [line for line in signature_lines(note) if (line.name, line.key_id) == (key.name, key.key_id)]
    if not own:
        raise BadNote(f"note is not cosigned by {key.name}")
    return max(_check(line, key, head) for line in own)


def _check(line: SignatureLine, key: WitnessKey, head: Checkpoint) -> int:
    if len(line.signature) != TIME_BYTES + SIGNATURE_BYTES:
        raise BadNote(f"cosignature: expected {TIME_BYTES + SIGNATURE_BYTES} bytes, got {len(line.signature)}")
    time_s = int.from_bytes(line.signature[:TIME_BYTES], "big")
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public)
        public.verify(line.signature[TIME_BYTES:], _message(head, time_s))
    except (InvalidSignature, ValueError) as error:
        raise BadNote(f"cosignature is not by {key.name}") from error
    if not 0 < time_s <= MAX_TIME_S:
        raise BadNote(f"cosignature: expected a POSIX time in 1..{MAX_TIME_S}, got {time_s}")
    return time_s


def _message(head: Checkpoint, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{head.body}".encode()
