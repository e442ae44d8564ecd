"""What is known of a fetched file, kept beside it as `.fetch.json`: its address, what the server said, its digest."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Known:
    """What was said of a file when it was fetched; of a half one, without digest."""

    url: str
    etag: str = ""
    modified: str = ""
    sha256: str = ""

    @property
    def validator(self) -> str:
        """What If-Range takes: a strong ETag, else the date (RFC 9110, section 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    @property
    def conditions(self) -> dict[str, str]:
        """What makes a request conditional; empty where the server gave nothing to ask by."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in given.items() if value}


def beside(path: Path) -> Path:
    """Where it is written what is known of a file."""
    return path.with_name(f"{path.name}.fetch.json")


def read(path: Path, url: str | None = None) -> Known | None:
    """What is known of a file, if it can be read and is about this address (None: any)."""
    try:
        found = Known(**json.loads(beside(path).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    told = all(isinstance(value, str) for value in asdict(found).values())
    return found if told and url in (None, found.url) else None


def write(path: Path, known: Known) -> None:
    """Note what is known of a file; a note is whole or not there."""
    half = path.with_name(f"{path.name}.fetch.json.half")
    half.write_text(json.dumps(asdict(known)))
    half.replace(beside(path))


def drop(path: Path) -> None:
    """Remove a file, if it is there, and what is known of it."""
    path.unlink(missing_ok=True)
    beside(path).unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


def sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
