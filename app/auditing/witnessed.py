"""Cosigned heads that lie beside the logs: `audit.witness ROOT … --out ROOT/witness` puts them there, or somebody else.

A Gateway knows no witness's key, so it names witnesses and vouches for none. That the log signed the head, it checks.
"""

from dataclasses import dataclass
from pathlib import Path

from audit.cosignature import SIGNATURE_BYTES, TIME_BYTES, SignatureLine, signature_lines
from audit.errors import AuditError
from audit.heads import SUFFIX
from audit.keyring import KeyRing
from audit.store import open_store

FOLDER = "witness"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A head of one log that somebody else signed too. `at`: when they say so, microseconds since 1970."""

    size: int
    at: int
    names: tuple[str, ...]


def witnessed(root: str | Path, ring: KeyRing, origin: str) -> Witnessed | None:
    """What lies there of this log; None without a head that the log and another signed."""
    name = f"{origin.rpartition('/')[2]}{SUFFIX}"
    try:
        note = bytes(open_store(root).child(FOLDER).read(name)).decode()
        head = ring.sibling(origin).open(note)
        lines = [line for line in signature_lines(note) if line.name != origin]
    except (OSError, AuditError, UnicodeDecodeError):
        return None
    names = tuple(sorted({line.name for line in lines}))
    return Witnessed(head.size, max(map(_time_us, lines)), names) if names else None


def _time_us(line: SignatureLine) -> int:
    """As a cosignature says it (C2SP tlog-cosignature: POSIX seconds in eight bytes, then the signature); else 0."""
    if len(line.signature) != TIME_BYTES + SIGNATURE_BYTES:
        return 0
    return int.from_bytes(line.signature[:TIME_BYTES], "big") * 1_000_000
