"""Secrets that are shared with others, each a file in the folder of the private keys."""

from pathlib import Path


def read_secret(path: Path, *, at_least: int = 1) -> bytes:
    """What the file holds, without space around it; raises FileNotFoundError, PermissionError, ValueError with the
    remedy."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path}: expected mode 0600, others may read it; run chmod 600")
    secret = path.read_bytes().strip()
    if len(secret) < at_least:
        raise ValueError(f"{path}: expected at least {at_least} bytes, came {len(secret)}")
    return secret
