"""What a witness must not forget: its key, the last head of each log that it cosigned, and evidence against logs.

    DIR/witness.key                    Ed25519 private key, 32 bytes, 0600; made at first use
    DIR/witness.vkey                   its verifier key, for those who check cosignatures
    DIR/<SHA-256 of origin>.checkpoint the last cosigned checkpoint of a log
    DIR/evidence-*.checkpoint          pairs of signed heads that do not fit together

Local POSIX file system only. Raises OSError as it comes. Whoever empties DIR makes the witness trust anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import disk
from audit.checkpoint import read_checkpoint
from audit.cosignature import WitnessKey
from audit.errors import BadKeys, BadNote
from audit.private import KEY_BYTES, read_secret

SUFFIX = ".checkpoint"
EVIDENCE = "evidence-"


@dataclass(frozen=True, slots=True)
class Heads:
    """The folder. One file per log, replaced as a whole; knows nothing of what is consistent."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Heads:
        """The state in `folder`, made if absent."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk.sync_folder(folder.parent)
        disk.sweep(folder)
        return cls(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against every other thread and process: read, decide and save are one step."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def load(self, origin: str) -> str | None:
        """The last cosigned note of a log; None if it was never seen."""
        return self.load_named(name_of(origin))

    def load_named(self, name: str) -> str | None:
        """The same by the SHA-256 of the origin."""
        try:
            return (self.folder / f"{name}{SUFFIX}").read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise OSError(f"{name}{SUFFIX}: not a note") from error

    def notes(self) -> Iterator[str]:
        """The last cosigned note of every log."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            note = None if path.name.startswith(EVIDENCE) else self.load_named(path.name.removesuffix(SUFFIX))
            if note is not None:
                yield note

    def save(self, origin: str, note: str) -> None:
        """Replace a log's note; durable when this returns. Call it under `locked`."""
        replace(self.folder / f"{name_of(origin)}{SUFFIX}", note.encode())

    def keep_evidence(self, remembered: str, offered: str) -> None:
        """Keep two signed heads that do not fit together; the same pair is kept once."""
        bodies = "".join(read_checkpoint(note).body for note in (remembered, offered))
        pair = self.folder / f"{EVIDENCE}{hashlib.sha256(bodies.encode()).hexdigest()[:32]}"
        disk.create(pair.with_name(f"{pair.name}-remembered{SUFFIX}"), remembered.encode())
        disk.create(pair.with_name(f"{pair.name}-offered{SUFFIX}"), offered.encode())

    def signer(self, name: str | None = None) -> tuple[Ed25519PrivateKey, WitnessKey]:
        """The witness's key pair, made at first use under `name` or a name drawn from the key; BadKeys."""
        secret = self.folder / "witness.key"
        with self.locked():
            if not secret.exists():
                disk.create(secret, secrets.token_bytes(KEY_BYTES), 0o600)
            signer = Ed25519PrivateKey.from_private_bytes(read_secret(secret))
            public = signer.public_key().public_bytes_raw()
            verifier = self.folder / "witness.vkey"
            try:
                made = WitnessKey(name or f"witness/{hashlib.sha256(public).hexdigest()[:16]}", public)
                disk.create(verifier, f"{made}\n".encode())
                key = WitnessKey.parse(verifier.read_bytes().decode())
            except (BadNote, UnicodeDecodeError) as error:
                raise BadKeys(f"witness.vkey: {error}") from error
        if key != WitnessKey(name or key.name, public):
            raise BadKeys(f"witness.vkey: expected {name or key.name} and the key in witness.key, got {key}")
        return signer, key


def name_of(origin: str) -> str:
    """SHA-256 of an origin in hex, as tlog-witness names logs."""
    return hashlib.sha256(origin.encode()).hexdigest()


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file: always the old bytes or the new ones; durable when this returns."""
    temporary = path.with_name(f"{disk.TEMPORARY}{secrets.token_hex(8)}")
    disk.create(temporary, data)
    temporary.replace(path)
    disk.sync_folder(path.parent)
