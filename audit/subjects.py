"""The store of subject keys: one key per (tenant, subject), which erasure destroys.

    DIR/subjects/<name>          the subject's present key, wrapped; the name is an HMAC, so that it shows no person
    DIR/tags/<tag>               the same key under the tag that leaves carry
    DIR/erased/<number>          an erasure, in order; written before anything is destroyed, so that it can be finished

A key is durable before its first record is made. An erasure replaces the key by one of the next epoch: whatever is
written from then on carries another tag, and what was written before is noise that links to nobody.

Keys are made and copied under a shared lock of the folder (flock) and destroyed under an exclusive one, so that nobody
publishes a key that is being destroyed. A key that an erasure names is never handed out, finished or not.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit import disk
from audit.errors import BadKeys, Unavailable
from audit.private import KEY_BYTES, read_secret, require_private

FOLDERS = ("subjects", "tags", "erased")
NONCE_BYTES = 12
MAX_CACHED = 10_000
SETTLED_NS = 1_000_000_000  # a folder's time stamp tells changes apart only at this distance
_NAMES = b"preceptor/v1/subject-name"
_WRAP = b"preceptor/v1/subject-key"
_ERASURE = re.compile(r"[0-9]{20}")


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """Secret of one (tenant, subject); destroyed on erasure. `epoch` counts its predecessors."""

    secret: bytes = field(repr=False)
    epoch: int = 0
    prk: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # HKDF-Extract with the empty salt (RFC 5869 2.2), once for all records of the subject
        object.__setattr__(self, "prk", hmac.digest(bytes(KEY_BYTES), self.secret, "sha256"))

    def tag(self, tenant: str) -> str:
        """What leaves say instead of the subject; links to nobody once the key is gone."""
        return hmac.digest(self.secret, tenant.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Erasure:
    """The `number`-th erasure: all keys of a subject up to `epoch`, under the tag that the last of them gave.

    `name` is "" where a log named the erasure and the store never held its key.
    """

    number: int
    tag: str
    epoch: int
    name: str


@dataclass(slots=True)
class SubjectKeys:
    """The durable store of subject keys. Enough to read text; cannot sign. Threads and processes may share it."""

    folder: Path
    _kek: bytes = field(repr=False)
    # an erasure puts another cache in its place: what was read before must not outlast it in another thread
    _cache: dict[str, SubjectKey] = field(default_factory=dict, repr=False)
    _erased: dict[str, Erasure] = field(default_factory=dict, repr=False)
    _ended: dict[str, int] = field(default_factory=dict, repr=False)
    _seen_ns: int = -1
    _finished: int = 0

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the store in a key folder; BadKeys."""
        for path in (folder, folder / "subjects", folder / "tags"):
            require_private(path)
        return cls(folder, read_secret(folder / "kek.key"))

    def of(self, tenant: str, subject: str) -> SubjectKey:
        """The subject's present key, created durably at first use. BadKeys, Unavailable."""
        cache, person = self._cache, f"{len(tenant)}:{tenant}{subject}"
        return cache.get(person) or _remember(cache, person, self._obtain(self._name(tenant, subject), tenant))

    def by_tag(self, tenant: str, tag: str) -> SubjectKey | None:
        """The key whose tag a leaf carries; None when it is gone. BadKeys, Unavailable."""
        if len(tag) != 2 * KEY_BYTES or not tag.isalnum() or tag in self.erasures():
            return None
        cache = self._cache
        try:
            key = cache.get(tag) or self.unwrap((self.folder / "tags" / tag).read_bytes())[1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadKeys(f"{tag}: {error.strerror}") from error
        if key.tag(tenant) != tag:
            raise BadKeys("subject key does not belong to its tag")
        return _remember(cache, tag, key)

    def erasures(self) -> dict[str, Erasure]:
        """All erasures by tag, in order. Looks at the disk when it changed, and then forgets every cached key."""
        with _available():
            try:
                changed_ns = (self.folder / "erased").stat().st_mtime_ns
            except FileNotFoundError:
                return {}
            if changed_ns != self._seen_ns:
                self._look()
                # two changes within one tick of the clock look like one: look again until it has passed
                self._seen_ns = changed_ns if time.time_ns() - changed_ns > SETTLED_NS else -1
        return self._erased

    def erase(self, tenant: str, subject: str) -> Erasure | None:
        """Destroy the subject's key and begin the next epoch; None for a subject that never had a key. Unavailable.

        May be repeated: while no key was used since, it is the same erasure.
        """
        name = self._name(tenant, subject)
        with self._locked(fcntl.LOCK_EX):
            self._finish()
            path = self.folder / "subjects" / name
            key = self._read(path, name) if path.exists() else None
            if key is None or not (self.folder / "tags" / key.tag(tenant)).exists():
                return next((one for one in reversed(self._erased.values()) if one.name == name), None)
            erasure = self._mark(Erasure(len(self._erased), key.tag(tenant), key.epoch, name))
            self._finish()
        return erasure

    def adopt_erasures(self, recorded: Mapping[str, int]) -> int:
        """Do again what a log recorded, tag -> epoch, but a restored backup does not know; how many. Unavailable."""
        with self._locked(fcntl.LOCK_EX):
            missing = {tag: epoch for tag, epoch in recorded.items() if tag not in self.erasures()}
            number = len(self._erased)
            for tag, epoch in missing.items():
                path = self.folder / "tags" / tag
                name = self.unwrap(path.read_bytes())[0] if path.exists() else ""
                number = self._mark(Erasure(number, tag, epoch, name)).number + 1
            self._finish()
        return len(missing)

    def finish_erasures(self) -> int:
        """Destroy every key that an erasure names and that is still there; how many were. BadKeys, Unavailable."""
        if len(self.erasures()) == self._finished:
            return 0
        with self._locked(fcntl.LOCK_EX):
            return self._finish()

    def steady(self) -> contextlib.AbstractContextManager[None]:
        """While it is held no key is destroyed; new ones may be made. Unavailable."""
        return self._locked(fcntl.LOCK_SH)

    def unwrap(self, data: bytes) -> tuple[str, SubjectKey]:
        """Name and key in the bytes of a file of `subjects` or `tags`; BadKeys."""
        try:
            fields: dict[str, Any] = json.loads(data)
            if fields["v"] != 1:
                raise BadKeys("subject key file: expected version 1")
            name, epoch = fields["name"], fields["epoch"]
            nonce, wrapped = bytes.fromhex(fields["nonce"]), bytes.fromhex(fields["wrapped"])
            return name, SubjectKey(AESGCM(self._kek).decrypt(nonce, wrapped, _associated(name, epoch)), epoch)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidTag) as error:
            raise BadKeys("subject key file is damaged or wrapped by another key") from error

    def _finish(self) -> int:
        """Under the exclusive lock, so a temporary file here is a killed writer's: it may hold a key."""
        for path in self.folder.glob(f"*/{disk.TEMPORARY}*"):
            disk.remove(path)
        found = 0
        for tag, one in self.erasures().items():
            subject, named = self.folder / "subjects" / one.name, self.folder / "tags" / tag
            if one.name and subject.exists() and self._read(subject, one.name).epoch <= one.epoch:
                _replace(subject, self._wrap(one.name, _new_key(one.epoch + 1)))
                found += 1
            if named.exists():
                disk.remove(named)
        self._finished = len(self._erased)
        return found

    def _mark(self, wanted: Erasure) -> Erasure:
        """Write an erasure down, under the first free number from its own on."""
        folder, number = self.folder / "erased", wanted.number
        folder.mkdir(mode=0o700, exist_ok=True)
        disk.sync_folder(self.folder)
        mark = json.dumps({"v": 1, "tag": wanted.tag, "epoch": wanted.epoch, "name": wanted.name}).encode()
        while not disk.create(folder / f"{number:020}", mark, 0o600):
            number += 1
        return replace(wanted, number=number)

    def _name(self, tenant: str, subject: str) -> str:
        person = json.dumps([tenant, subject]).encode()
        return hmac.digest(hmac.digest(self._kek, _NAMES, "sha256"), person, "sha256").hex()

    def _obtain(self, name: str, tenant: str) -> SubjectKey:
        path = self.folder / "subjects" / name
        for _ in range(2):
            with self._locked(fcntl.LOCK_SH):
                self.erasures()
                ended = self._ended.get(name, -1)
                if not path.exists():
                    disk.create(path, self._wrap(name, _new_key(ended + 1)), 0o600)
                key = self._read(path, name)  # the loser of a race reads what the winner linked
                if key.epoch > ended:
                    self._publish_tag(path, key.tag(tenant))
                    return key
            self.finish_erasures()  # it was cut off
        raise Unavailable("subject key store: an erasure could not be finished")

    def _publish_tag(self, path: Path, tag: str) -> None:
        """Always synced: another process may have linked both and not yet synced either."""
        with contextlib.suppress(FileExistsError):
            os.link(path, self.folder / "tags" / tag)
        disk.sync_folder(self.folder / "tags")
        disk.sync_folder(path.parent)

    def _read(self, path: Path, name: str) -> SubjectKey:
        found, key = self.unwrap(path.read_bytes())
        if found != name:
            raise BadKeys(f"subjects/{name}: expected its own key, got that of {found}")
        return key

    def _look(self) -> None:
        known = {one.number: one for one in self._erased.values()}
        numbers = sorted(int(path.name) for path in (self.folder / "erased").iterdir() if _ERASURE.fullmatch(path.name))
        found = {one.tag: one for one in (known.get(number) or self._read_mark(number) for number in numbers)}
        if found != self._erased:
            # the marks come last: who sees them must not see a key from before
            self._cache = {}
            self._ended = {one.name: one.epoch for one in sorted(found.values(), key=lambda one: one.epoch)}
            self._erased = found

    def _read_mark(self, number: int) -> Erasure:
        data = (self.folder / "erased" / f"{number:020}").read_bytes()
        try:
            mark = json.loads(data)
            return Erasure(number, str(mark["tag"]), int(mark["epoch"]), str(mark["name"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadKeys(f"erased/{number:020}: expected a mark of an erasure") from error

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with _available():
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, how)
                yield
            finally:
                os.close(descriptor)

    def _wrap(self, name: str, key: SubjectKey) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = AESGCM(self._kek).encrypt(nonce, key.secret, _associated(name, key.epoch)).hex()
        return json.dumps({"v": 1, "name": name, "epoch": key.epoch, "nonce": nonce.hex(), "wrapped": wrapped}).encode()


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"subject key store: {error.strerror or error}") from error


def _remember(cache: dict[str, SubjectKey], name: str, key: SubjectKey) -> SubjectKey:
    if len(cache) >= MAX_CACHED:
        cache.clear()
    cache[name] = key
    return key


def _replace(path: Path, data: bytes) -> None:
    """Put a new file in a name's place, durably."""
    fresh = path.with_name(f"{disk.TEMPORARY}{secrets.token_hex(8)}")
    disk.create(fresh, data, 0o600)
    fresh.replace(path)
    disk.sync_folder(path.parent)


def _new_key(epoch: int) -> SubjectKey:
    return SubjectKey(secrets.token_bytes(KEY_BYTES), epoch)


def _associated(name: str, epoch: int) -> bytes:
    return _WRAP + f"/{name}/{epoch}".encode()
