"""The verifier keys of a root, oldest first, each endorsed by the one before it. Pure.

    log.vkey      the founding key: one line
    log-2.vkey    the whole chain after the first rotation: the founding key, then `<key> <endorsement>` per rotation

An endorsement is the old key's Ed25519 signature, so whoever pinned the founding key can follow every rotation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, VerifierKey, b64, open_checkpoint, read_checkpoint, unb64
from audit.errors import BadNote
from audit.store import Store

FOUNDING = "log.vkey"
_CHAIN = re.compile(r"log-([1-9][0-9]{0,3})\.vkey")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of one origin, in the order in which they sign. `endorsements` has one less than `keys`."""

    keys: tuple[VerifierKey, ...]
    endorsements: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """The origin they sign for."""
        return self.keys[0].name

    def sibling(self, origin: str) -> KeyRing:
        """The same keys for another log of the root; BadNote for a stranger."""
        return KeyRing(tuple(key.sibling(origin) for key in self.keys), self.endorsements)

    def check(self, signature: bytes, message: bytes) -> int:
        """Position of the key that signed `message`; BadNote if none did."""
        for position in reversed(range(len(self.keys))):
            try:
                self.keys[position].check(signature, message)
            except BadNote:
                continue
            return position
        raise BadNote(f"signature is not by {self.name}")

    def open(self, note: str) -> Checkpoint:
        """The head in a note that one of these keys signed; BadNote otherwise."""
        for key in reversed(self.keys[1:]):
            try:
                return open_checkpoint(note, key)
            except BadNote:
                continue
        return open_checkpoint(note, self.keys[0])

    def open_any(self, note: str) -> Checkpoint:
        """The same for a note of any log of the root."""
        return self.sibling(read_checkpoint(note).origin).open(note)

    def extends(self, other: KeyRing) -> bool:
        """Whether this ring is `other`, or `other` and later keys."""
        return self.keys[: len(other.keys)] == other.keys

    def endorse(self, new: VerifierKey, signer: Ed25519PrivateKey) -> KeyRing:
        """This ring followed by `new`, endorsed by its newest key, which `signer` must be."""
        if signer.public_key().public_bytes_raw() != self.keys[-1].public:
            raise BadNote("endorsement: expected the newest key")
        signed = signer.sign(_message(self.keys[-1], new))
        return KeyRing((*self.keys, new), (*self.endorsements, signed))

    def __str__(self) -> str:
        rest = [f"{key} {b64(mark)}" for key, mark in zip(self.keys[1:], self.endorsements, strict=True)]
        return "\n".join([str(self.keys[0]), *rest]) + "\n"

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """The ring in a file's text, every endorsement checked; BadNote otherwise."""
        if not text.endswith("\n"):
            raise BadNote("verifier key: expected lines that end")
        first, *rest = text[:-1].split("\n")
        ring = cls((VerifierKey.parse(first),))
        for line in rest:
            key, _, mark = line.partition(" ")
            new, signed = VerifierKey.parse(key), unb64(mark)
            if new.name != ring.name or new in ring.keys:
                raise BadNote("verifier key: expected another key of the same name")
            ring.keys[-1].check(signed, _message(ring.keys[-1], new))
            ring = cls((*ring.keys, new), (*ring.endorsements, signed))
        return ring


def read_ring(store: Store, name: str = "") -> KeyRing:
    """The ring in a file of a store, or the longest one a root holds; BadNote, OSError."""
    if name:
        return parse_ring(bytes(store.read(name)))
    chains = sorted((int(match[1]), match[0]) for match in map(_CHAIN.fullmatch, store.names()) if match)
    ring = KeyRing(())
    for count, file in [(1, FOUNDING), *chains]:
        before, ring = ring, parse_ring(bytes(store.read(file)))
        if not ring.extends(before) or len(ring.keys) != count:
            raise BadNote(f"{file}: expected {count} keys, of which the first are those of the file before it")
    return ring


def parse_ring(data: bytes) -> KeyRing:
    """The ring in a file's bytes; BadNote."""
    try:
        return KeyRing.parse(data.decode("ascii"))
    except UnicodeDecodeError as error:
        raise BadNote("verifier key: expected ASCII") from error


def chain_name(ring: KeyRing) -> str:
    """The file that holds a ring."""
    return FOUNDING if len(ring.keys) == 1 else f"log-{len(ring.keys)}.vkey"


def _message(old: VerifierKey, new: VerifierKey) -> bytes:
    return f"preceptor/v1/key-endorsement\n{old}\n{new}\n".encode()
