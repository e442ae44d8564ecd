"""Compliance reports: `python -m audit.report` as a process, one at a time, ended when its client goes."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import BadRequest, Fault, NotFound
from audit.reports import definition
from audit.reports.errors import BadOrder
from audit.reports.period import Period
from audit.sandbox import CLOUD
from audit.store import is_url

LIMIT_S = 170.0  # Ray's proxy gives up after 180
MAX_BYTES = 64 * 1024 * 1024
CHUNK = 1024 * 1024
REPOSITORY = Path(__file__).resolve().parents[2]
PRINTED = (0, 1)  # 1: the log does not verify, which the report says before anything else
TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "pdf": "application/pdf"}
Format = Literal["html", "json", "pdf"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report, of which period, in which form."""

    name: str
    period: Period
    format: Format

    @classmethod
    def parse(cls, name: str, start: str | None, end: str | None, form: Format) -> "Wanted":
        """Of what a caller says; raises NotFound for a name that is none, BadRequest for a period that is none."""
        if name not in {path.stem for path in definition.CATALOGUE.glob("*.yaml")}:
            raise NotFound("expected the name of a report, as GET /v1/audit/reports lists them")
        try:
            return cls(name, Period.parse(start or "", end or ""), form)
        except BadOrder as error:
            raise BadRequest(str(error).replace("--", ""), param="to" if start else "from") from error

    def arguments(self, root: str | Path) -> list[str]:
        """The command's arguments: a name of ours, times as we write them."""
        return [
            self.name, str(root), f"--from={self.period.start.isoformat()}", f"--to={self.period.end.isoformat()}",
            f"--format={self.format}",
        ]  # fmt: skip

    @property
    def file_name(self) -> str:
        """What a browser saves it as."""
        return f"{self.name}-{self.period.start:%Y%m%d}-{self.period.end:%Y%m%d}.{self.format}"


def listed() -> list[dict[str, str]]:
    """Name and title of every report, in the order of their numbers; reads the catalogue."""
    return [{"name": name, "title": definition.read(name)[0].title} for name in definition.names()]


class Reports:
    """Makes reports of one root."""

    def __init__(self, root: str | Path | None, limit_s: float = LIMIT_S) -> None:
        self._root = root
        self._limit_s = limit_s
        self._busy = False

    async def make(self, wanted: Wanted, left: Callable[[], Awaitable[None]]) -> bytes:
        """The file; given up when the client has `left` first. Raises Fault."""
        if self._root is None:
            raise Fault("this tutor has no log to report on", code="log_unavailable")
        if self._busy:
            raise Fault("another report is being made", code="overloaded", retry_after_s=30)
        self._busy = True
        try:
            return await self._unless(left, wanted.arguments(self._root))
        finally:
            self._busy = False

    async def _unless(self, left: Callable[[], Awaitable[None]], arguments: Sequence[str]) -> bytes:
        making, leaving = asyncio.ensure_future(self._made(arguments)), asyncio.ensure_future(left())
        try:
            await asyncio.wait({making, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if making.done():
                return making.result()
            raise Fault("whoever asked for this report has gone", code="client_gone")
        finally:
            making.cancel()
            leaving.cancel()
            await asyncio.gather(making, leaving, return_exceptions=True)

    async def _made(self, arguments: Sequence[str]) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "audit.report", *arguments, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=REPOSITORY,
            env=_environment(self._root), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._limit_s):
                data = await _read(process)
                status = await process.wait()
        except TimeoutError as error:
            raise Fault(f"the report took more than {self._limit_s:g} s", code="report_too_long") from error
        finally:
            await _end(process)
        if status not in PRINTED:
            raise Fault("the log cannot be read", code="log_unavailable")
        return data


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    data = bytearray()
    while chunk := await process.stdout.read(CHUNK):
        data += chunk
        if len(data) > MAX_BYTES:
            raise Fault("the report is too large; take a shorter period", code="report_too_long")
    return bytes(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what still runs, with the processes that it has started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment(root: str | Path | None) -> dict[str, str]:
    """Nothing of ours but, for an object store, what says who we are there."""
    far = root is not None and is_url(root)
    cloud = {name: value for name, value in os.environ.items() if far and name.startswith(CLOUD)}
    return cloud | {"PYTHONDONTWRITEBYTECODE": "1"}
