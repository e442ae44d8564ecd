"""Turn decisions into rows: `python -m train.feedback [ROOT] --keys DIR --out DIR [--url URL]`.

Reads what reviewers agreed on or decided and what the red team found, opens those texts (which is a record), and writes
guard_rows.jsonl, preference.jsonl, lesson_gaps.json, regression.jsonl and feedback.json; docs/feedback.md tells them.
All is made anew from the log, so whatever was erased is forgotten; a confirmed bypass else stays for good. With a URL
and an admin's key the rows become a dataset record. Run again, nothing changes.
Exit status: 0; 1 when the log refused the record; 2 when something could not be read or written.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train import lineage

if TYPE_CHECKING:
    from audit.client import AuditClient

LOG = "PRECEPTOR_LOG"
MEANS = ("human", "import", "scripted")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m train.feedback", description=__doc__.split("\n")[0])
    options.add_argument("root", nargs="?", metavar="ROOT", help=f"folder or URL of the logs; without it, {LOG}")
    options.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder, which opens text")
    options.add_argument("--out", type=Path, required=True, metavar="DIR", help="the same folder every time")
    told = f"whose labels count, of {', '.join(MEANS)}; default human,import"
    options.add_argument("--means", type=_means, default=frozenset(MEANS[:2]), metavar="LIST", help=told)
    options.add_argument("--reader", default="train.feedback", metavar="NAME", help="who opens text, for that record")
    options.add_argument("--url", metavar="URL", help=f"append a dataset record there; without it, at {lineage.URL}")
    told = f"an admin's key; without it, {lineage.TOKEN}; without either there is no record"
    options.add_argument("--token-file", type=Path, metavar="FILE", help=told)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser()
    given = options.parse_args(arguments)
    root = given.root or os.environ.get(LOG)
    if not root:
        options.error(f"expected ROOT or {LOG}")
    from audit.errors import AuditError
    from train.errors import TrainError

    try:
        client = _client(given)
        told = _build(given, root)
        if client:
            from train.learning.recording import record

            record(given.out, told, client)
    except (TrainError, AuditError, OSError) as error:
        print(f"feedback: {error}", file=sys.stderr)
        return 1 if isinstance(error, lineage.NotRecorded) else 2
    for name, file in told["files"].items():
        print(f"{name:20}{file.get('rows', ''):>8}  {file['sha256'][:12]}")
    for what, counts in told["left_out"].items():
        print(f"left out of {what}: " + ", ".join(f"{many} {why}" for why, many in counts.items()))
    return 0


def _build(given: argparse.Namespace, root: str) -> dict[str, Any]:
    from audit.query import Asker
    from train.learning.building import Wanted, build
    from train.learning.heads import heads

    asker = Asker(root, given.keys, given.reader, "train.feedback")
    wanted = Wanted(lambda sql: asker.ask(sql).to_pylist(), heads(root), given.out, given.means)
    return build(wanted, lambda line: print(line, flush=True))


def _client(given: argparse.Namespace) -> "AuditClient | None":
    """Where the record goes; None where nobody gave both a URL and a key. Raises NotRecorded where only one was."""
    named = given.url or given.token_file or (os.environ.get(lineage.URL) and os.environ.get(lineage.TOKEN))
    return lineage.log_client(given.url or "", given.token_file) if named else None


def _means(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen or chosen - set(MEANS):
        raise argparse.ArgumentTypeError(f"expected a list of {', '.join(MEANS)}, got {text[:80]!r}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
