"""Keys on disk: the log's signing keys, the content key-encryption key, and the store of subject keys.

    DIR/log.key                Ed25519 private key, 32 bytes          (only writers of a log need it)
    DIR/log-2.key ...          its successors; a retired key may be deleted once every log has left it
    DIR/kek.key                content key-encryption key, 32 bytes
    DIR/subjects, tags, erased see audit.subjects

Files are 0600, folders 0700; anything wider is refused.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import disk
from audit.errors import BadKeys
from audit.private import KEY_BYTES, read_secret, require_private
from audit.subjects import FOLDERS, NONCE_BYTES, SubjectKey, SubjectKeys

__all__ = ["NONCE_BYTES", "Keys", "SubjectKey", "SubjectKeys", "create", "load", "new_signer"]

_SIGNER = re.compile(r"log(?:-([1-9][0-9]{0,3}))?\.key")


@dataclass(frozen=True, slots=True)
class Keys:
    """What a writer holds. `signers` is in order of succession."""

    folder: Path
    signers: tuple[Ed25519PrivateKey, ...] = field(repr=False)
    subjects: SubjectKeys

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The newest signing key."""
        return self.signers[-1]

    @property
    def public(self) -> bytes:
        """Its raw public key, 32 bytes."""
        return self.signer.public_key().public_bytes_raw()

    def signer_of(self, public: bytes) -> Ed25519PrivateKey:
        """The private half of a public key; looks at the disk for one that was made since. BadKeys."""
        for signers in (self.signers, None):
            for signer in _signers(self.folder) if signers is None else signers:
                if signer.public_key().public_bytes_raw() == public:
                    return signer
        raise BadKeys("expected the key that signs this log, got others")


def load(folder: Path) -> Keys:
    """The writer's keys in `folder`; BadKeys if absent, malformed or readable by others."""
    signers = _signers(folder)
    if not signers:
        raise BadKeys("log.key: expected a signing key, got none")
    return Keys(folder, signers, SubjectKeys.load(folder))


def create(folder: Path) -> Keys:
    """Create what is missing in `folder`, never replacing a key; then load it."""
    try:
        for path in (folder, *(folder / name for name in FOLDERS)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("log.key", "kek.key"):
            if not (folder / name).exists() and (name != "log.key" or not _signers(folder)):
                disk.create(folder / name, secrets.token_bytes(KEY_BYTES), 0o600)
    except OSError as error:
        raise BadKeys(f"cannot create keys: {error.strerror}") from error
    return load(folder)


def new_signer(folder: Path, number: int) -> Ed25519PrivateKey:
    """The `number`-th signing key (from 2), created durably unless an interrupted rotation left it. BadKeys."""
    path = folder / f"log-{number}.key"
    try:
        disk.create(path, secrets.token_bytes(KEY_BYTES), 0o600)
    except OSError as error:
        raise BadKeys(f"cannot create keys: {error.strerror}") from error
    return Ed25519PrivateKey.from_private_bytes(read_secret(path))


def _signers(folder: Path) -> tuple[Ed25519PrivateKey, ...]:
    require_private(folder)
    found = {
        int(match[1] or 1): match[0] for match in map(_SIGNER.fullmatch, (p.name for p in folder.iterdir())) if match
    }
    return tuple(Ed25519PrivateKey.from_private_bytes(read_secret(folder / found[n])) for n in sorted(found))
