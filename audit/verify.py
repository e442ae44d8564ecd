"""Verify logs and receipts offline.

    python -m audit.verify [ROOT] [--key FILE] [--checkpoint FILE]... [--receipt FILE]...

Needs the files and the public key. Exit 0 valid, 1 invalid, 2 unreadable or empty. One JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit import pipe
from audit.chain import Broken, Claims, verify_root
from audit.checkpoint import Checkpoint, VerifierKey, b64, open_checkpoint, read_checkpoint
from audit.errors import AuditError, BadNote
from audit.folder import read_key
from audit.saved import check_saved

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
    root: Path | None, key_file: Path | None = None, checkpoints: Sequence[Path] = (), receipts: Sequence[Path] = ()
) -> Report:
    """Check all that is given; Unreadable if it cannot be read or holds nothing."""
    report = Report()
    key = _find_key(root, key_file, report)
    if key is None:
        return report
    claims = Claims()
    for path in receipts:
        _check_receipt(path, key, claims, report)
    for path in checkpoints:
        _check_checkpoint(path, key, claims, report)
    if root is not None:
        _check_root(root, key, claims, report)
        if not checkpoints and not receipts:
            report.notes.append(ROLLBACK)
    return report


def _find_key(root: Path | None, key_file: Path | None, report: Report) -> VerifierKey | None:
    """The one public key; None if its file is not one, which is then the first fault."""
    if root is not None and not root.is_dir():
        raise Unreadable(f"{root}: no such folder")
    if root is not None and not any(root.iterdir()):
        raise Unreadable(f"{root}: empty")
    path = key_file or (root / "log.vkey" if root is not None else None)
    if path is None:
        raise Unreadable("expected ROOT or --key")
    report.key_source = "given" if key_file else "root"
    try:
        return read_key(path)
    except BadNote as error:
        report.blame(str(path) if key_file else "log.vkey", str(error))
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    return None


def _check_root(root: Path, key: VerifierKey, claims: Claims, report: Report) -> None:
    try:
        if report.key_source == "given" and read_key(root / "log.vkey") != key:
            raise Broken("log.vkey", None, "not the key that was given")
        for head in verify_root(root, key, claims):
            report.logs.append(head)
    except FileNotFoundError as error:
        report.blame(str(Path(error.filename or root).name), "missing")
    except OSError as error:
        raise Unreadable(f"{error.filename or root}: {error.strerror}") from error
    except BadNote as error:
        report.blame("log.vkey", str(error))
    except Broken as error:
        report.blame(error.file, error.reason, error.index)


def _check_receipt(path: Path, key: VerifierKey, claims: Claims, report: Report) -> None:
    reason = None
    try:
        for proven in check_saved(_read(path), key):
            claims.add(proven.head, f"receipt {path.name}")
    except AuditError as error:
        if isinstance(error, Unreadable):
            raise
        reason = str(error)
        report.blame(str(path), reason)
    report.receipts.append({"file": str(path), "valid": reason is None, "reason": reason})


def _check_checkpoint(path: Path, key: VerifierKey, claims: Claims, report: Report) -> None:
    try:
        note = _read(path)
        claims.add(open_checkpoint(note, key.sibling(read_checkpoint(note).origin)), f"checkpoint {path.name}")
    except BadNote as error:
        report.blame(str(path), str(error))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"{path}: expected at most {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 valid, 1 invalid, 2 unreadable or empty."""
    parser = argparse.ArgumentParser(prog="python -m audit.verify", description="Verify logs and receipts offline.")
    parser.add_argument("root", nargs="?", type=Path, metavar="ROOT", help="folder of the logs")
    parser.add_argument("--key", type=Path, metavar="FILE", help="verifier key from outside; default ROOT/log.vkey")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], metavar="FILE", help="signed head")
    parser.add_argument("--receipt", type=Path, action="append", default=[], metavar="FILE",
                        help="tlog-proof, or a saved response that holds one")  # fmt: skip
    given = parser.parse_args(arguments)
    if given.root is None and not given.receipt:
        parser.error("expected ROOT, or --receipt and --key")
    try:
        report = verify(given.root, given.key, given.checkpoint, given.receipt)
    except Unreadable as error:
        print(json.dumps(Report(notes=[str(error)]).to_json() | {"valid": False}, indent=2))
        return 2
    print(json.dumps(report.to_json(), indent=2))
    return 0 if report.valid else 1


if __name__ == "__main__":
    sys.exit(pipe.run(main))
