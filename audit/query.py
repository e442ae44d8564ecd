"""Ask the log: `python -m audit.query ROOT ["SQL"] [--format table|json|parquet] [--keys DIR]`.

docs/audit-views.md lists the views. Without keys text is NULL; with them, every query that opens text is itself a
record before its answer is shown. Without SQL it prompts, or reads statements from a pipe.
Exit 0 answered, 1 refused or failed, 2 cannot read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit import pipe, prompt, render
from audit.errors import AuditError, QueryRefused
from audit.sandbox import UNBOUNDED, Answer, Bounds, Request, Sandbox, files_of

if TYPE_CHECKING:
    import pyarrow as pa

    from audit.reading import ReadLog

READER = "operator"
REASON = "audit.query"
ATTEMPTS = 3  # a file that the writer packs away between listing and reading


@dataclass(slots=True)
class Asker:
    """Asks one root, and checks each of its files once. `root` is a folder or an object store's URL."""

    root: str | Path
    keys: Path | None = None
    reader: str = READER
    reason: str = REASON
    trust_files: bool = False
    _checked: set[tuple[str, str]] = field(default_factory=set)

    def ask(self, sql: str, bounds: Bounds = UNBOUNDED) -> pa.Table:
        """The result of one SELECT. QueryRefused, BadRoot, BadSegment, BadNote, BadKeys, Unproven, OSError."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._ask(sql, bounds)
            except FileNotFoundError:
                continue
        return self._ask(sql, bounds)

    def _ask(self, sql: str, bounds: Bounds) -> pa.Table:
        far = isinstance(self.root, str) and "://" in self.root
        root = self.root if far else Path(self.root).absolute()
        keys = None if self.keys is None else str(self.keys.absolute())
        with Sandbox(far=far) as sandbox:
            from audit import reading  # beside the start of that process, which takes as long

            logs = reading.read_root(root)
            if not self.trust_files:
                self._check(root, logs)
            answer = sandbox.ask(Request(sql, files_of(logs), keys, str(root) if far else None, **asdict(bounds)))
        self._record(root, answer)
        return answer.table()

    def _check(self, root: str | Path, logs: Sequence[ReadLog]) -> None:
        from audit import reading

        fresh = [
            replace(log, files=tuple(file for file in log.files if (log.name, file.name) not in self._checked))
            for log in logs
        ]
        reading.check_files(root, fresh)
        self._checked |= {(log.name, file.name) for log in fresh for file in log.files}

    def _record(self, root: str | Path, answer: Answer) -> None:
        """Make the opening of text a record, or refuse: nobody reads unseen, not even through an error message."""
        if answer.opened == 0 or self.keys is None:
            return
        from audit.content import record_access

        try:
            record_access(
                root, self.keys, reader=self.reader, reason=self.reason, about=answer.about, records=answer.opened
            )
        except AuditError as error:
            raise QueryRefused(f"text was opened and that could not be recorded: {error}") from error


def query(root: str | Path, sql: str, keys: Path | None = None) -> pa.Table:
    """The result of one SELECT over the views of a root; raises what `Asker.ask` does. `keys` is the key folder."""
    return Asker(root, keys).ask(sql)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 answered, 1 refused or failed, 2 cannot read."""
    parser = _parser()
    given = parser.parse_args(arguments)
    asker = Asker(given.root, given.keys, given.reader, given.reason, given.trust_files)
    if given.sql is None:
        if given.format == "parquet":
            parser.error("--format parquet: expected SQL as an argument")
        return prompt.run(asker.ask, given.format)
    try:
        render.show(asker.ask(given.sql), given.format)
    except BrokenPipeError:
        raise
    except (AuditError, OSError) as error:
        return render.tell(error)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit.query", description="One SELECT over the views of the log.")
    parser.add_argument("root", metavar="ROOT", help="folder of the logs, or URL of an object store")
    parser.add_argument("sql", metavar="SQL", nargs="?", help="one SELECT; without it, a prompt")
    parser.add_argument("--format", choices=render.FORMATS, default="table")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="key folder; without it text is NULL")
    parser.add_argument("--reader", default=READER, metavar="NAME", help="who asks, for the record of opened text")
    parser.add_argument("--reason", default=REASON, metavar="TEXT", help="why, for the record of opened text")
    parser.add_argument("--trust-files", action="store_true", help="skip the check of every file's signature")
    return parser


if __name__ == "__main__":
    sys.exit(pipe.run(main))
