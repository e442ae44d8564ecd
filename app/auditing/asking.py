"""Questions to the log's views: few at a time, equal ones once, answers kept for seconds where that will do.

Each question is a process of its own (`audit.sandbox`), so a Gateway that ran as many as it is asked would do nothing
else. It never has a key: no text of a person comes back.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.errors import Fault
from audit.errors import AuditError, QueryRefused, Unproven
from audit.query import Asker
from audit.sandbox import Bounds

AT_ONCE = 2
WAITING = 16
WAIT_S = 30.0
KEEP_S = 10.0
SECONDS = 30
FIXED = Bounds(SECONDS, 64 * 1024 * 1024)
"""Bounds of our own questions."""

Row = Mapping[str, Any]


class Asking:
    """Asks one root. Without an `asker` every question is a Fault."""

    def __init__(self, asker: Asker | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._asker = asker
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._running: dict[tuple[str, Bounds], asyncio.Task[pa.Table]] = {}
        self._kept: dict[tuple[str, Bounds], tuple[float, pa.Table]] = {}

    @property
    def root(self) -> str | Path | None:
        """Where the logs lie."""
        return self._asker.root if self._asker else None

    async def rows(self, sql: str, keep_s: float = 0.0) -> Sequence[Row]:
        """The rows of a question of ours, perhaps as they were `keep_s` ago; raises Fault."""
        try:
            rows: list[Row] = (await self.table(sql, FIXED, keep_s)).to_pylist()
        except QueryRefused as error:
            raise Fault("the log gave no answer in time", code="log_unavailable", retry_after_s=30) from error
        return rows

    async def table(self, sql: str, bounds: Bounds, keep_s: float = 0.0) -> pa.Table:
        """The result of one SELECT; raises QueryRefused for what is none or takes too much, Fault for all else."""
        asked = (sql, bounds)
        until, table = self._kept.get(asked, (0.0, None))
        if table is not None and self._clock() < until:
            return table
        table = await asyncio.shield(self._run(asked))  # others may wait for it, whoever leaves
        if keep_s:
            self._keep(asked, self._clock() + keep_s, table)
        return table

    def _run(self, asked: tuple[str, Bounds]) -> asyncio.Task[pa.Table]:
        """The one run of this question that goes on now."""
        if asked not in self._running:
            if len(self._running) >= AT_ONCE + WAITING:
                raise _overloaded()
            task = asyncio.create_task(self._ask(*asked))
            self._running[asked] = task
            task.add_done_callback(lambda done: self._ended(asked, done))
        return self._running[asked]

    def _ended(self, asked: tuple[str, Bounds], done: asyncio.Task[pa.Table]) -> None:
        del self._running[asked]
        if not done.cancelled():
            done.exception()  # looked at, should nobody wait any more

    async def _ask(self, sql: str, bounds: Bounds) -> pa.Table:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise _overloaded() from error
        try:
            return await asyncio.to_thread(self._blocking, sql, bounds)
        finally:
            self._places.release()

    def _blocking(self, sql: str, bounds: Bounds) -> pa.Table:
        if self._asker is None:
            raise Fault("this tutor has no log to ask", code="log_unavailable")
        try:
            return self._asker.ask(sql, bounds)
        except QueryRefused:
            raise
        except Unproven as error:
            raise Fault("a file of the log is not as it was signed: run audit.verify", code="log_unproven") from error
        except (AuditError, OSError) as error:
            raise Fault("the log cannot be read", code="log_unavailable") from error

    def _keep(self, asked: tuple[str, Bounds], until: float, table: pa.Table) -> None:
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now} | {asked: (until, table)}


def together(questions: Mapping[str, str]) -> str:
    """Several questions as one SELECT of one row: a list of rows under each name."""
    parts = [f'(select list(row_) from (\n{sql}\n) row_) as "{name}"' for name, sql in questions.items()]  # noqa: S608 ours
    return "select " + ",\n".join(parts)


def _overloaded() -> Fault:
    return Fault("too many questions to the log at once", code="overloaded", retry_after_s=5)
