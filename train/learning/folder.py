"""The folder that `train.feedback` fills. It holds what people asked, so nobody else may read it.

Lines are JSON in ASCII: whatever a text holds, a line ends where its row does.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from train.errors import DatasetError

SUMMARY = "feedback.json"
_HALF = ".half"
Line = TypeVar("Line", bound=BaseModel)


def lines(rows: Iterable[BaseModel]) -> bytes:
    """Rows as JSON Lines; the same rows give the same bytes."""
    return "".join(json.dumps(row.model_dump(mode="json"), sort_keys=True) + "\n" for row in rows).encode("ascii")


def document(told: Any) -> bytes:
    """A JSON document."""
    return (json.dumps(told, indent=1, sort_keys=True) + "\n").encode("ascii")


def put(folder: Path, name: str, data: bytes) -> None:
    """Put a file there whole, or leave it alone if it holds just this; readable by its owner only. OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if path.is_file() and path.read_bytes() == data:
        return
    descriptor, half = tempfile.mkstemp(_HALF, f".{name}.", folder)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(half).replace(path)


def sweep(folder: Path) -> None:
    """Remove what a killed run left half written: it may hold what is to be forgotten. OSError."""
    for path in folder.glob(f".*{_HALF}"):
        path.unlink(missing_ok=True)


def read(folder: Path, name: str, kind: type[Line]) -> list[Line]:
    """The rows of a file; none where there is no file. Raises DatasetError that names file and line."""
    path = folder / name
    found: list[Line] = []
    if not path.exists():
        return found
    for number, line in enumerate(_bytes(path).split(b"\n"), 1):
        try:
            if line:
                found.append(kind.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "line"
            raise DatasetError(f"{name}:{number}: {where}: {first['msg']}") from None  # the cause would quote the text
    return found


def summary(folder: Path) -> dict[str, Any] | None:
    """What the last run said of its files; None where there was none. Raises DatasetError."""
    path = folder / SUMMARY
    if not path.exists():
        return None
    try:
        told: dict[str, Any] = json.loads(_bytes(path))
        if told["format"] != 1 or not isinstance(told["files"], dict) or not isinstance(told["read_at"], dict):
            raise ValueError("another format")
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{SUMMARY}: expected what train.feedback wrote, format 1, got {error}") from error
    return told


def require_unchanged(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The summary, once these files are what it names. Raises DatasetError."""
    told = summary(folder)
    if told is None:
        raise DatasetError(f"{SUMMARY}: expected what train.feedback wrote, found no such file")
    for name in names:
        want = str(told["files"].get(name, {}).get("sha256"))
        came = hashlib.sha256(_bytes(folder / name)).hexdigest()
        if came != want:
            raise DatasetError(f"{name}: expected the file of SHA-256 {want[:12]}, got {came[:12]}")
    return told


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path.name}: expected a file that can be read, got {error.strerror}") from error
