"""Secrets in files that nobody else may touch: read with their mode checked."""

from __future__ import annotations

from pathlib import Path

from audit.errors import BadKeys

KEY_BYTES = 32


def read_secret(path: Path) -> bytes:
    """The 32 bytes of a key file; BadKeys if absent, of another length, or open to others."""
    require_private(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadKeys(f"{path.name}: {error.strerror}") from error
    if len(data) != KEY_BYTES:
        raise BadKeys(f"{path.name}: expected {KEY_BYTES} bytes, got {len(data)}")
    return data


def require_private(path: Path) -> None:
    """BadKeys if a file or folder is absent or open to group or others."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise BadKeys(f"{path.name}: {error.strerror}") from error
    if mode & 0o077:
        raise BadKeys(f"{path.name}: expected no access for others, got mode {mode:o}")
