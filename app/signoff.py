"""A sign-off: whoever holds the sign-off key approves exactly this policy, these terms and this ethics statement.

The key is Ed25519 (RFC 8032) in PEM; its private half never lies on the cluster. docs/policy.md tells the format.
"""

import base64
import binascii
import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from audit.private import require_private

DOMAIN = "preceptor-signoff-v1"
HEEDED = 2
"""How many sign-offs count: the one that is to come in force, and the one to go back to."""


class BadSignoffKey(ValueError):
    """Not a key file of the kind that was expected."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What is approved, each by the SHA-256 that records cite, in hex."""

    policy: str
    terms: str
    ethics: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Digests":
        """Of the fields of a `signoff` record."""
        return cls(fields["policy_digest"], fields["terms_digest"], fields["ethics_digest"])

    def fields(self) -> dict[str, str]:
        """As the fields of a record."""
        return {"policy_digest": self.policy, "terms_digest": self.terms, "ethics_digest": self.ethics}

    def __str__(self) -> str:
        """For people."""
        return f"policy {self.policy[:16]}, terms {self.terms[:16]}, ethics {self.ethics[:16]}"

    def message(self) -> bytes:
        """The bytes that are signed; no other use of the key begins with these lines."""
        return f"{DOMAIN}\npolicy {self.policy}\nterms {self.terms}\nethics {self.ethics}\n".encode()


def sign(key: Ed25519PrivateKey, digests: Digests) -> dict[str, str]:
    """The fields of the record that approves them."""
    signature = base64.b64encode(key.sign(digests.message())).decode()
    return digests.fields() | {"signer": key_id(key.public_key()), "signature": signature}


def is_signed_by(key: Ed25519PublicKey, fields: Mapping[str, Any]) -> bool:
    """Whether the signature in the fields of a `signoff` record holds under this key."""
    if fields["signer"] != key_id(key):
        return False
    try:
        key.verify(base64.b64decode(fields["signature"], validate=True), Digests.of(fields).message())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of SHA-256 over the raw public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def load_public(path: Path) -> Ed25519PublicKey:
    """The public key of a PEM file; raises OSError, BadSignoffKey."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except ValueError as error:
        raise BadSignoffKey(f"{path}: expected a public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadSignoffKey(f"{path}: expected an Ed25519 key, came {type(key).__name__}")
    return key


def load_private(path: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file that nobody else may read; raises OSError, BadKeys, BadSignoffKey."""
    require_private(path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise BadSignoffKey(f"{path}: expected a private key in PEM without a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadSignoffKey(f"{path}: expected an Ed25519 key, came {type(key).__name__}")
    return key


@dataclass(slots=True)
class Signoffs:
    """A fold of control records: the last sign-offs whose signature holds. Without a key none does."""

    key: Ed25519PublicKey | None = None
    _last: deque[Digests] = field(default_factory=lambda: deque(maxlen=HEEDED))

    @classmethod
    def load(cls, path: Path | None) -> "Signoffs":
        """With the public key of this file; raises OSError, BadSignoffKey."""
        return cls(load_public(path) if path else None)

    def apply(self, leaf: Mapping[str, Any]) -> None:
        """Take one record in. Other kinds, and signatures that do not hold, are passed over."""
        if self.key and leaf["kind"] == "signoff" and is_signed_by(self.key, leaf["fields"]):
            self._last.append(Digests.of(leaf["fields"]))

    def cover(self, digests: Digests) -> bool:
        """Whether exactly these are approved by one of the sign-offs that count."""
        return digests in self._last
