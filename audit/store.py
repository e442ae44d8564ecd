"""Where a log's files live: immutable files by name, created if absent, in a local folder or an object store.

Names are relative to the store, with slashes. Everything that goes wrong is an OSError.
"""

from __future__ import annotations

import contextlib
import errno
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from audit import disk
from audit.errors import BadRoot, Unavailable

MAPPED_BYTES = 64 * 1024 * 1024  # larger files are mapped, not copied
RETRIES, RETRY_FOR = 6, timedelta(seconds=20)  # of one request to an object store; then the log is unavailable
RETRY_AFTER_S = 0.05
_URL = re.compile(r"[a-z][a-z0-9+]*://")


class Store(Protocol):
    """Immutable files. What `create` answered True for is durable."""

    def names(self, folder: str = "") -> list[str]:
        """Names of the files in a folder, without it, sorted; none if it is absent."""
        ...

    def folders(self) -> list[str]:
        """Names of the folders right here, sorted."""
        ...

    def read(self, name: str) -> pa.Buffer:
        """The bytes of a file; FileNotFoundError."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Publish a whole file durably, or not at all; False if the name is taken."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; fine if it is gone."""
        ...

    def settle(self, folder: str) -> None:
        """Make durable what another writer may have published in a folder and not yet synced."""
        ...

    def child(self, folder: str) -> Store:
        """The store of a folder."""
        ...

    def prove_exclusive(self) -> None:
        """BadRoot unless creation here is exclusive, which keeps two writers from forking a log; Unavailable."""
        ...


def is_url(address: str | Path) -> bool:
    """Whether an address is an object store's."""
    return isinstance(address, str) and _URL.match(address) is not None


def to_address(text: str) -> str | Path:
    """What a command line names: a URL stays one, anything else is a path."""
    return text if is_url(text) else Path(text)


def open_store(address: str | Path) -> Store:
    """The store at a path, or at an object store's URL such as `s3://bucket/prefix`; BadRoot."""
    if is_url(address):
        return ObjectStore.open(str(address))
    return LocalStore(Path(address))


def split_address(address: str | Path) -> tuple[str | Path, str]:
    """The root's address and the name of a log in it."""
    if is_url(address):
        root, _, name = str(address).rstrip("/").rpartition("/")
        return root, name
    return Path(address).parent, Path(address).name


def join_address(root: str | Path, name: str) -> str | Path:
    """The address of a log of a root."""
    return f"{str(root).rstrip('/')}/{name}" if is_url(root) else Path(root) / name


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder of a local POSIX file system."""

    path: Path

    def names(self, folder: str = "") -> list[str]:
        """See Store; temporary files are nobody's."""
        try:
            found = [entry.name for entry in (self.path / folder).iterdir() if not entry.is_dir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in found if not name.startswith(disk.TEMPORARY))

    def folders(self) -> list[str]:
        """See Store."""
        return sorted(entry.name for entry in self.path.iterdir() if entry.is_dir())

    def read(self, name: str) -> pa.Buffer:
        """See Store."""
        path = self.path / name
        if path.stat().st_size > MAPPED_BYTES:
            with pa.memory_map(str(path)) as mapped:
                return mapped.read_buffer()
        return pa.py_buffer(path.read_bytes())

    def create(self, name: str, data: bytes) -> bool:
        """See Store; refuses below the floor of free space, before the disk does."""
        path = self.path / name
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.sync_folder(path.parent.parent)
        disk.require_space(path.parent, len(data))
        return disk.create(path, data)

    def delete(self, name: str) -> None:
        """See Store."""
        (self.path / name).unlink(missing_ok=True)

    def settle(self, folder: str) -> None:
        """See Store; also sweeps up what killed writers left."""
        if (self.path / folder).is_dir():
            disk.sweep(self.path / folder)
            disk.sync_folder(self.path / folder)
            disk.sync_folder((self.path / folder).parent)  # the folder's own name may be as new

    def child(self, folder: str) -> LocalStore:
        """See Store."""
        return LocalStore(self.path / folder)

    def prove_exclusive(self) -> None:
        """See Store: network mounts do not keep the promise of link(2) and fsync(2)."""
        kind = disk.mount_type(self.path)
        if disk.is_remote(kind):
            raise BadRoot(f"{self.path.name}: expected a local file system or an object store's URL, got {kind}")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A prefix of an S3, GCS or Azure bucket, through obstore.

    Credentials, region and endpoint come from the environment under the names of each service's own tools
    (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, ...). Versioning of the bucket must be off, or expire
    old versions: else an erased text or a pruned file stays behind as one. Tried against moto's S3 server only: the
    services of AWS, Google and Azure were not at hand.
    """

    url: str
    _bucket: Any = field(repr=False)
    _prefix: str = ""

    @classmethod
    def open(cls, url: str) -> ObjectStore:
        """The store at a URL; BadRoot for what is not a bucket."""
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store, from_url

        url, expected = url.rstrip("/"), "expected the URL of a bucket of S3, GCS or Azure"
        try:
            bucket = from_url(url, retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_FOR})
        except (BaseError, ValueError) as error:
            raise BadRoot(f"{expected}, got {url!r}: {_first_line(error)}") from error
        if not isinstance(bucket, S3Store | GCSStore | AzureStore):
            raise BadRoot(f"{expected}, got {url!r}, which does not keep files durably or exclusively")
        return cls(url, bucket)

    def names(self, folder: str = "") -> list[str]:
        """See Store."""
        return [path.rpartition("/")[2] for path in self._list(folder)[0]]

    def folders(self) -> list[str]:
        """See Store."""
        return [path.rstrip("/").rpartition("/")[2] for path in self._list("")[1]]

    def read(self, name: str) -> pa.Buffer:
        """See Store; the whole object comes into memory."""
        import obstore

        with _as_os_error(name):
            return pa.py_buffer(obstore.get(self._bucket, self._prefix + name).bytes())

    def create(self, name: str, data: bytes) -> bool:
        """See Store. Every answer but a plain yes is settled by reading the object back."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        failure: OSError | None = None
        for _ in range(RETRIES):
            try:
                with _as_os_error(name):
                    obstore.put(self._bucket, self._prefix + name, data, mode="create")
                return True
            except AlreadyExistsError:  # perhaps by our own first try; S3 also says so while another's is under way
                failure = None
            except OSError as error:
                failure = error
            with contextlib.suppress(FileNotFoundError):
                return bytes(self.read(name)) == data
            if failure is not None:
                raise failure
            time.sleep(RETRY_AFTER_S)
        raise OSError(errno.EIO, "object store: refused a name as taken that is free", name)

    def delete(self, name: str) -> None:
        """See Store."""
        import obstore

        with contextlib.suppress(FileNotFoundError), _as_os_error(name):
            obstore.delete(self._bucket, self._prefix + name)

    def settle(self, folder: str) -> None:
        """See Store: what an object store lists is durable."""

    def child(self, folder: str) -> ObjectStore:
        """See Store."""
        return ObjectStore(f"{self.url}/{folder}", self._bucket, f"{self._prefix}{folder}/")

    def prove_exclusive(self) -> None:
        """See Store: creates one object twice; a store whose second create succeeds would let writers fork."""
        name = f"probe-{secrets.token_hex(8)}"
        try:
            exclusive = self.create(name, b"first") and not self.create(name, b"second")
            self.delete(name)
        except OSError as error:
            raise Unavailable(f"{self.url}: expected a bucket that can be written, got {error.strerror}") from error
        if not exclusive:
            raise BadRoot(f"{self.url}: expected create-if-absent, got a second create that succeeded")

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        import obstore

        prefix = self._prefix + (f"{folder}/" if folder else "")
        with _as_os_error(folder):
            found = obstore.list_with_delimiter(self._bucket, prefix=prefix or None)
        return sorted(item["path"] for item in found["objects"]), sorted(found["common_prefixes"])


@contextlib.contextmanager
def _as_os_error(name: str) -> Iterator[None]:
    """obstore's errors as OSError; AlreadyExistsError passes."""
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "No such object", name) from None
    except AlreadyExistsError:
        raise
    except BaseError as error:
        raise OSError(errno.EIO, f"object store: {_first_line(error)}", name) from error


def _first_line(error: Exception) -> str:
    """Of obstore's errors the rest is a dump of its own state."""
    return str(error).partition("\n")[0][:300]
