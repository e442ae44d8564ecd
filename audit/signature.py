"""A signature over a file's own bytes, kept in its footer. Pure.

The last key-value of the footer holds an Ed25519 signature over the SHA-256 of the whole file with that signature
zeroed, so every byte counts, and it is checked BEFORE the file is parsed: damaged bytes never reach the Parquet reader.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import BadNote, BadSegment
from audit.keyring import KeyRing

DOMAIN = "preceptor/v1/segment"
MARKER = b"preceptor-file-signature/v1:"
BLANK = b"0" * 128
FOOTER = 4 * 1024 * 1024  # how far from the end the mark is looked for first


def sign_file(blank: pa.Buffer, origin: str, start: int, signer: Ed25519PrivateKey) -> bytes:
    """The file with its zeroed signature filled in."""
    data = bytearray(blank)
    at = data.rindex(MARKER) + len(MARKER)
    data[at : at + len(BLANK)] = signer.sign(_message(hashlib.sha256(data), origin, start)).hex().encode()
    return bytes(data)


def check_file(data: pa.Buffer | bytes, ring: KeyRing, start: int) -> int:
    """Position of the key that signed exactly these bytes; BadSegment otherwise."""
    view = memoryview(data)
    at = _find(view)
    hexed = bytes(view[at : at + len(BLANK)])
    try:
        signature = bytes.fromhex(hexed.decode("ascii"))
        if at < len(MARKER) or signature.hex().encode() != hexed:  # only lower case: one form per signature
            raise BadSegment("file carries no signature")
        digest = hashlib.sha256(view[:at])
        digest.update(BLANK)
        digest.update(view[at + len(BLANK) :])
        return ring.check(signature, _message(digest, ring.name, start))
    except (ValueError, BadNote) as error:
        raise BadSegment("file is not as it was signed") from error


def _find(view: memoryview) -> int:
    """Where the signature begins: after the last mark in the file."""
    for size in (FOOTER, len(view)):
        base = max(0, len(view) - size)
        at = bytes(view[base:]).rfind(MARKER)
        if at >= 0:
            return base + at + len(MARKER)
    return 0


def _message(digest: hashlib._Hash, origin: str, start: int) -> bytes:
    return f"{DOMAIN}\n{origin}\n{start}\n{digest.hexdigest()}\n".encode()
