"""Verify logs and receipts offline.

    python -m audit.verify [ROOT] [--key FILE] [--checkpoint FILE]... [--receipt FILE]... [--jobs N]

Needs the files and the public key. Exit 0 valid, 1 invalid, 2 unreadable or empty. One JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit import pipe
from audit.checkpoint import Checkpoint, b64
from audit.errors import AuditError, BadNote, BadRoot
from audit.keyring import FOUNDING, KeyRing, parse_ring, read_ring
from audit.saved import check_saved
from audit.store import Store, open_store, to_address
from audit.verification import Spread, verify_root
from audit.walk import Broken, Claims

ROLLBACK = (
    "no outside checkpoint was given: a rollback of the whole root to an older state is not detected; "
    "pass --checkpoint or --receipt from outside"
)
MAX_FILE_BYTES = 16 * 1024 * 1024


class Unreadable(AuditError):
    """Nothing there to verify, or it cannot be read."""


@dataclass(slots=True)
class Report:
    """What is printed."""

    key_source: str | None = None
    logs: list[Checkpoint] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    first_bad: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Nothing was found wrong."""
        return self.first_bad is None

    def blame(self, file: str, reason: str, index: int | None = None) -> None:
        """Remember the first fault only."""
        if self.first_bad is None:
            self.first_bad = {"file": file, "index": index, "reason": reason}

    def to_json(self) -> dict[str, Any]:
        """The object on stdout; roots in base 64."""
        logs = [{"origin": head.origin, "size": head.size, "root": b64(head.root)} for head in self.logs]
        return {
            "valid": self.valid, "key_source": self.key_source, "logs": logs, "receipts": self.receipts,
            "first_bad": self.first_bad, "notes": self.notes,
        }  # fmt: skip


def verify(
    root: str | Path | None,
    key_file: Path | None = None,
    checkpoints: Sequence[Path] = (),
    receipts: Sequence[Path] = (),
    spread: Spread = map,
) -> Report:
    """Check all that is given; Unreadable if it cannot be read or holds nothing."""
    report = Report()
    ring = _find_ring(root, key_file, report)
    if ring is None:
        return report
    claims = Claims()
    for path in receipts:
        _check_receipt(path, ring, claims, report)
    for path in checkpoints:
        _check_checkpoint(path, ring, claims, report)
    if root is not None:
        _check_root(root, ring, claims, report, spread)
        report.notes += claims.unchecked
        if not checkpoints and not receipts:
            report.notes.append(ROLLBACK)
    return report


def _find_ring(root: str | Path | None, key_file: Path | None, report: Report) -> KeyRing | None:
    """The public key and its successors; None if its file is not one, which is then the first fault."""
    store = None if root is None else _open_root(root)
    report.key_source = "given" if key_file else "root"
    try:
        given = None if key_file is None else parse_ring(key_file.read_bytes())
    except BadNote as error:
        report.blame(str(key_file), str(error))
        return None
    except OSError as error:
        raise Unreadable(f"{key_file}: {error.strerror}") from error
    try:
        held = None if store is None else read_ring(store)
    except BadNote as error:
        report.blame(FOUNDING, str(error))
        return None
    except OSError as error:
        if given is None:
            raise Unreadable(f"{FOUNDING}: {error.strerror}") from error
        report.blame(FOUNDING, "missing")
        return None
    if given is None or held is None:
        return given or held
    return max(given, held, key=lambda ring: len(ring.keys)) if held.keys[0] == given.keys[0] else given


def _open_root(root: str | Path) -> Store:
    try:
        store = open_store(root)
        if isinstance(root, Path) and not root.is_dir():
            raise Unreadable(f"{root}: no such folder")
        if not store.names() and not store.folders():
            raise Unreadable(f"{root}: empty")
    except (OSError, BadRoot) as error:
        raise Unreadable(f"{root}: {error}") from error
    return store


def _check_root(root: str | Path, ring: KeyRing, claims: Claims, report: Report, spread: Spread) -> None:
    try:
        report.logs += verify_root(root, ring, claims, spread)
    except FileNotFoundError as error:
        report.blame(str(Path(error.filename or root).name), "missing")
    except OSError as error:
        raise Unreadable(f"{error.filename or root}: {error.strerror}") from error
    except BadNote as error:
        report.blame(FOUNDING, str(error))
    except Broken as error:
        report.blame(error.file, error.reason, error.index)


def _check_receipt(path: Path, ring: KeyRing, claims: Claims, report: Report) -> None:
    reason = None
    try:
        for proven in check_saved(_read(path), ring):
            claims.add(proven.head, f"receipt {path.name}")
    except AuditError as error:
        if isinstance(error, Unreadable):
            raise
        reason = str(error)
        report.blame(str(path), reason)
    report.receipts.append({"file": str(path), "valid": reason is None, "reason": reason})


def _check_checkpoint(path: Path, ring: KeyRing, claims: Claims, report: Report) -> None:
    try:
        claims.add(ring.open_any(_read(path)), f"checkpoint {path.name}")
    except BadNote as error:
        report.blame(str(path), str(error))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"{path}: expected at most {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error


@contextmanager
def _spread(jobs: int) -> Iterator[Spread]:
    if jobs < 2:
        yield map
        return
    # not forked: a client of an object store has threads, and a child that inherits it waits for ever
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def main(arguments: Sequence[str] | None = None, spread: Spread | None = None) -> int:
    """Exit 0 valid, 1 invalid, 2 unreadable or empty. `spread` overrides `--jobs`."""
    parser = argparse.ArgumentParser(prog="python -m audit.verify", description="Verify logs and receipts offline.")
    parser.add_argument(
        "root", nargs="?", type=to_address, metavar="ROOT", help="folder or object store URL of the logs"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="verifier key from outside; default ROOT/log.vkey")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], metavar="FILE", help="signed head")
    parser.add_argument("--receipt", type=Path, action="append", default=[], metavar="FILE",
                        help="tlog-proof, or a saved response that holds one")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that check files; default 1")
    given = parser.parse_args(arguments)
    if given.root is None and not given.receipt:
        parser.error("expected ROOT, or --receipt and --key")
    try:
        with _spread(given.jobs) as processes:
            report = verify(given.root, given.key, given.checkpoint, given.receipt, spread or processes)
    except Unreadable as error:
        print(json.dumps(Report(notes=[str(error)]).to_json() | {"valid": False}, indent=2))
        return 2
    print(json.dumps(report.to_json(), indent=2))
    return 0 if report.valid else 1


if __name__ == "__main__":
    sys.exit(pipe.run(main))
