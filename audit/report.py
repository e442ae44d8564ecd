"""Print a compliance report: `python -m audit.report NAME [ROOT] --from DATE --to DATE`; `--list` names them all.

Each carries what `audit.verify` finds and the signed checkpoints that it rests on; docs/reports.md says what each
holds, and the schema of the JSON form. PRECEPTOR_LOG may name ROOT.
Exit 0 printed; 1 printed, and the log does not verify, which the report says first; 2 not printed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit import pipe
from audit.errors import AuditError
from audit.reports import definition
from audit.reports.errors import BadOrder

if TYPE_CHECKING:
    from audit.reports.building import Order
    from audit.reports.report import Report

ROOT = "PRECEPTOR_LOG"
FORMATS = ("html", "json", "pdf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 printed, 1 printed and the log is not valid, 2 not printed."""
    given = _parser().parse_args(arguments)
    try:
        if given.list:
            print("\n".join(f"{name:24}{definition.read(name)[0].title}" for name in definition.names()))
            return 0
        order = _order(given)
        if given.format == "pdf" and given.out is None and sys.stdout.isatty():
            raise BadOrder("--format pdf: expected --out FILE or a pipe, got a terminal")
        from audit.reports.building import build

        report = build(order, _say)
        _say(f"writing {given.format}")
        _write(_rendered(report, given.format), given.out)
    except (AuditError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        _say(str(error))
        return 2
    return 0 if report.integrity.valid else 1


def _order(given: argparse.Namespace) -> Order:
    from audit.reports.building import Order
    from audit.reports.evidence import read_files
    from audit.reports.period import Period
    from audit.store import to_address

    if not given.name or not given.start or not given.end:
        raise BadOrder("expected NAME, --from and --to; --list names the reports")
    definition.read(given.name)
    root = given.root or os.environ.get(ROOT)
    if not root:
        raise BadOrder(f"expected ROOT or {ROOT}, got neither")
    return Order(
        given.name, to_address(root), Period.parse(given.start, given.end), read_files(given.evidence), given.keys,
        given.key, given.checkpoint,
    )  # fmt: skip


def _rendered(report: Report, form: str) -> bytes:
    if form == "json":
        from audit.reports.as_json import render
    elif form == "pdf":
        from audit.reports.as_pdf import render
    else:
        from audit.reports.as_html import render
    return render(report)


def _write(data: bytes, out: Path | None) -> None:
    """To stdout, or to a file, whole or not at all."""
    if out is None:
        sys.stdout.buffer.write(data)
        return
    half = out.with_name(f".{out.name}.half")
    half.write_bytes(data)
    half.rename(out)


def _say(line: str) -> None:
    safe = "".join(c if c.isprintable() else " " for c in line)
    print(f"report: {safe}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit.report", description="Print a compliance report of the log.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the report; --list names them")
    parser.add_argument("root", metavar="ROOT", nargs="?", help=f"folder or object store URL of the logs, else {ROOT}")
    parser.add_argument("--from", dest="start", metavar="DATE", help="first moment, ISO 8601, UTC unless it says other")
    parser.add_argument("--to", dest="end", metavar="DATE", help="the first moment that is no longer in it")
    parser.add_argument("--format", choices=FORMATS, default="html")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of to stdout")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="key folder: notes and reasons too, on record")
    parser.add_argument("--key", type=Path, metavar="FILE", help="verifier key from outside; default ROOT/log.vkey")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], metavar="FILE", help="signed head")
    parser.add_argument("--evidence", type=Path, action="append", default=[], metavar="FILE",
                        help="a file from outside the log to embed; repeatable")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name all reports")
    return parser


if __name__ == "__main__":
    sys.exit(pipe.run(main))
