"""Files from outside the log that a report shows, and rows out of those that are JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.reports.errors import BadOrder

MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """One file as it was read; known by its name without folders."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Of its bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def read_files(paths: Sequence[Path]) -> list[Given]:
    """The files; BadOrder for one that cannot be read, is too large, or has another one's name."""
    given = [Given(path.name, _read(path)) for path in paths]
    names = [one.name for one in given]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadOrder(f"evidence: expected each name once, got {', '.join(twice)} twice")
    return given


def rows_at(data: bytes, path: str) -> list[dict[str, Any]]:
    """The rows at a dotted path of a JSON file; nested objects become dotted names. ValueError says what is not there.

    A list gives a row for each item. An object of objects gives one for each, under its `key`; any other gives rows of
    `key` and `value`.
    """
    found: Any = json.loads(data)
    for name in path.split(".") if path else []:
        if not isinstance(found, dict) or name not in found:
            raise ValueError(f"expected {path}, found no {name}")
        found = found[name]
    if isinstance(found, list):
        return [_row(item) for item in found]
    if not isinstance(found, dict):
        raise ValueError(f"expected rows at {path}, found {type(found).__name__}")
    return [{"key": key} | _row(item) for key, item in found.items()]


def _row(item: Any) -> dict[str, Any]:
    return dict(_flat(item)) if isinstance(item, dict) else {"value": item}


def _flat(item: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadOrder(f"evidence: expected at most {MAX_BYTES} bytes, got more in {path.name}")
        return path.read_bytes()
    except OSError as error:
        raise BadOrder(f"evidence: expected a file at {path}, got {error.strerror}") from error
