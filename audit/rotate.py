"""Rotate the signing key: `python -m audit.rotate ROOT --keys DIR`.

The new key is endorsed by the old one in `log-<n>.vkey`; a `key` record in each log says where it takes over. Safe
while the system runs, and safe to repeat after a crash: a rotation that was cut off is finished, not begun again.
Afterwards the old private key may be deleted. Exit 0 rotated, 2 could not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from audit import keys as keyfolder
from audit import pipe
from audit.checkpoint import VerifierKey
from audit.erasure import open_log
from audit.errors import AuditError, BadNote, BadRoot, Unavailable
from audit.folder import log_names
from audit.keyring import KeyRing, chain_name, read_ring
from audit.keys import Keys
from audit.log import Log
from audit.record import Entry, Kind
from audit.store import Store, open_store, to_address


def rotate(root: str | Path, keys: Keys) -> KeyRing:
    """Give every log of a root the next signing key; the ring as it is now. AuditError; may be repeated after one."""
    store = open_store(root)
    try:
        logs = [open_log(root, name, keys) for name in log_names(store)]
        ring = read_ring(store)
        store.settle("")  # a rotation that failed may have left a chain that is not durable
        if all(log.memory.end.key == len(ring.keys) - 1 for log in logs):
            ring = _extend(store, ring, keys)
    except (OSError, BadNote) as error:
        raise BadRoot(f"cannot rotate: {error}") from error
    for log in logs:
        _take_over(log, ring)
    return ring


def _extend(store: Store, ring: KeyRing, keys: Keys) -> KeyRing:
    signer = keyfolder.new_signer(keys.folder, len(ring.keys) + 1)
    new = VerifierKey(ring.name, signer.public_key().public_bytes_raw())
    longer = ring.endorse(new, keys.signer_of(ring.keys[-1].public))
    if not store.create(chain_name(longer), str(longer).encode()) and read_ring(store) != longer:
        raise Unavailable("another rotation is under way")
    return longer


def _take_over(log: Log, ring: KeyRing) -> None:
    """Name the newest key in a log that does not know it yet; the record is the last under the old one."""
    log.memory.adopt()
    log.memory.reader.ring = ring.sibling(log.origin)
    newest = len(ring.keys) - 1
    while log.memory.end.key != newest:
        named = log.memory.reader.ring.keys[(log.memory.end.key or 0) + 1]
        at = log.memory.end.key
        results = log.append_if(
            [Entry.operational(Kind.key, {"role": "log", "vkey": str(named)}, actor="operator")],
            lambda at=at: log.memory.end.key == at,  # type: ignore[misc]
        )
        if results and isinstance(results[0], AuditError):
            raise results[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 rotated, 2 could not."""
    parser = argparse.ArgumentParser(prog="python -m audit.rotate", description="Give all logs a new signing key.")
    parser.add_argument("root", type=to_address, metavar="ROOT", help="folder or object store URL of the logs")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder")
    given = parser.parse_args(arguments)
    try:
        print(rotate(given.root, keyfolder.load(given.keys)), end="")
    except AuditError as error:
        print(f"not rotated; repeat the command: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
