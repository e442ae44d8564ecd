"""Keys on disk: the log's signing key, the content key-encryption key, and one key per (tenant, subject).

    DIR/log.key           Ed25519 private key, 32 bytes          (only writers of a log need it)
    DIR/kek.key           content key-encryption key, 32 bytes
    DIR/subjects/<name>   a wrapped subject key; the name is an HMAC, so that it shows no person
    DIR/tags/<tag>        the same file under the tag that leaves carry

Files are 0600, folders 0700. A subject key is durable before its first record is made.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit import disk
from audit.errors import BadKeys, Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_CACHED = 10_000
_NAMES = b"preceptor/v1/subject-name"
_WRAP = b"preceptor/v1/subject-key"


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """Secret of one (tenant, subject); destroyed on erasure. `epoch` counts its successors."""

    secret: bytes = field(repr=False)
    epoch: int = 0

    def tag(self, tenant: str) -> str:
        """What leaves say instead of the subject; links to nobody once the key is gone."""
        return hmac.digest(self.secret, tenant.encode(), "sha256").hex()


@dataclass(slots=True)
class SubjectKeys:
    """The durable store of subject keys. Enough to read text; cannot sign."""

    folder: Path
    _kek: bytes = field(repr=False)
    _cache: dict[str, SubjectKey] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the store in a key folder; BadKeys."""
        return cls(folder, _read_secret(folder / "kek.key"))

    def of(self, tenant: str, subject: str) -> SubjectKey:
        """The subject's key, created durably at first use. BadKeys, Unavailable."""
        person = json.dumps([tenant, subject]).encode()
        name = hmac.digest(hmac.digest(self._kek, _NAMES, "sha256"), person, "sha256").hex()
        return self._cache.get(name) or self._remember(name, self._obtain(name, tenant))

    def by_tag(self, tenant: str, tag: str) -> SubjectKey | None:
        """The key whose tag a leaf carries; None when it is gone."""
        if len(tag) != 2 * KEY_BYTES or not tag.isalnum():
            return None
        if tag in self._cache:
            return self._cache[tag]
        path = self.folder / "tags" / tag
        try:
            key = self._unwrap(path.read_bytes(), None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadKeys(f"{path.name}: {error.strerror}") from error
        if key.tag(tenant) != tag:
            raise BadKeys("subject key does not belong to its tag")
        return self._remember(tag, key)

    def _remember(self, name: str, key: SubjectKey) -> SubjectKey:
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[name] = key
        return key

    def _obtain(self, name: str, tenant: str) -> SubjectKey:
        path = self.folder / "subjects" / name
        try:
            if not path.exists():
                # the loser of a race reads what the winner linked
                disk.create(path, self._wrap(name, SubjectKey(secrets.token_bytes(KEY_BYTES))), 0o600)
            key = self._unwrap(path.read_bytes(), name)
            self._publish_tag(path, key.tag(tenant))
        except OSError as error:
            raise Unavailable(f"subject key store: {error.strerror}") from error
        return key

    def _publish_tag(self, path: Path, tag: str) -> None:
        """Always synced: another process may have linked both and not yet synced either."""
        with contextlib.suppress(FileExistsError):
            os.link(path, self.folder / "tags" / tag)
        disk.sync_folder(self.folder / "tags")
        disk.sync_folder(path.parent)

    def _wrap(self, name: str, key: SubjectKey) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = AESGCM(self._kek).encrypt(nonce, key.secret, _associated(name, key.epoch))
        fields = {"v": 1, "name": name, "epoch": key.epoch, "nonce": nonce.hex(), "wrapped": wrapped.hex()}
        return json.dumps(fields).encode()

    def _unwrap(self, data: bytes, name: str | None) -> SubjectKey:
        try:
            fields = json.loads(data)
            if fields["v"] != 1 or name not in (None, fields["name"]):
                raise BadKeys("subject key file: expected its own name and version 1")
            associated = _associated(fields["name"], fields["epoch"])
            nonce, wrapped = bytes.fromhex(fields["nonce"]), bytes.fromhex(fields["wrapped"])
            return SubjectKey(AESGCM(self._kek).decrypt(nonce, wrapped, associated), fields["epoch"])
        except (ValueError, KeyError, TypeError, AttributeError, InvalidTag) as error:
            raise BadKeys("subject key file is damaged or wrapped by another key") from error


@dataclass(frozen=True, slots=True)
class Keys:
    """What a writer holds."""

    signer: Ed25519PrivateKey = field(repr=False)
    subjects: SubjectKeys

    @property
    def public(self) -> bytes:
        """Raw public key of the logs, 32 bytes."""
        return self.signer.public_key().public_bytes_raw()


def load(folder: Path) -> Keys:
    """The writer's keys in `folder`; BadKeys if absent, malformed or readable by others."""
    for path in (folder, folder / "subjects", folder / "tags"):
        _check_private(path)
    return Keys(Ed25519PrivateKey.from_private_bytes(_read_secret(folder / "log.key")), SubjectKeys.load(folder))


def create(folder: Path) -> Keys:
    """Create what is missing in `folder`, never replacing a key; then load it."""
    try:
        for path in (folder, folder / "subjects", folder / "tags"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("log.key", "kek.key"):
            if not (folder / name).exists():
                disk.create(folder / name, secrets.token_bytes(KEY_BYTES), 0o600)
    except OSError as error:
        raise BadKeys(f"cannot create keys: {error.strerror}") from error
    return load(folder)


def _associated(name: str, epoch: int) -> bytes:
    return _WRAP + f"/{name}/{epoch}".encode()


def _read_secret(path: Path) -> bytes:
    _check_private(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadKeys(f"{path.name}: {error.strerror}") from error
    if len(data) != KEY_BYTES:
        raise BadKeys(f"{path.name}: expected {KEY_BYTES} bytes, got {len(data)}")
    return data


def _check_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise BadKeys(f"{path.name}: {error.strerror}") from error
    if mode & 0o077:
        raise BadKeys(f"{path.name}: expected no access for others, got mode {mode:o}")
