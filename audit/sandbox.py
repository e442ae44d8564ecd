"""One SELECT over the views, asked of a short-lived process: no path, no network, no temp files, bounded resources.

The process is `python -m audit.confined`. It gets one line of JSON on stdin, and answers with a line of JSON and the
result as an Arrow stream.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from audit.errors import BadKeys, QueryRefused, Unproven

if TYPE_CHECKING:
    import pyarrow as pa

    from audit.reading import ReadLog

SECONDS = 60
GRACE_S = 30
MAX_RESULT_BYTES = 1024**3
CLOUD = ("AWS_", "AZURE_", "GOOGLE_")  # how a process learns who it is to an object store

Files = Mapping[str, Sequence[tuple[int, str]]]  # of each log, by origin: first index and place of each file, in order


def files_of(logs: Sequence[ReadLog]) -> Files:
    """What a sandbox is told of logs."""
    return {log.origin: [(file.start, file.location) for file in log.files] for log in logs}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one answer may take: seconds of work, bytes of result. Rows beyond `rows` are left out, not refused."""

    seconds: int = SECONDS
    max_bytes: int = MAX_RESULT_BYTES
    rows: int | None = None


UNBOUNDED = Bounds()  # but for what bounds every answer


@dataclass(frozen=True, slots=True)
class Request:
    """One SELECT over files. `url` is the root's in an object store, None for local paths; without `keys`, no text.
    The rest are Bounds."""

    sql: str
    logs: Files
    keys: str | None = None
    url: str | None = None
    seconds: int = SECONDS
    max_bytes: int = MAX_RESULT_BYTES
    rows: int | None = None

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """The request in a line that a Sandbox sent."""
        given = json.loads(line)
        logs = {origin: [(start, place) for start, place in files] for origin, files in given["logs"].items()}
        return cls(**given | {"logs": logs})


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it. `opened` counts the text cells that were read, all of one request if `about` names it."""

    status: str
    reason: str = ""
    opened: int = 0
    about: str | None = None
    body: bytes | memoryview | pa.Buffer = field(default=b"", repr=False)

    def table(self) -> pa.Table:
        """The result; QueryRefused, Unproven, BadKeys, or FileNotFoundError when a file went away meanwhile."""
        match self.status:
            case "ok":
                import pyarrow as pa

                with pa.ipc.open_stream(self.body) as reader:
                    return reader.read_all()
            case "gone":
                raise FileNotFoundError(self.reason)
            case "keys":
                raise BadKeys(self.reason)
            case "unproven":
                raise Unproven(self.reason)
        raise QueryRefused(self.reason)


class Sandbox:
    """A process that waits for one request. Start it early: it loads while its caller still checks files.

    It gets nothing of the environment but, for an object store (`far`), what says who we are there.
    """

    def __init__(self, *, far: bool = False) -> None:
        cloud = {name: value for name, value in os.environ.items() if far and name.startswith(CLOUD)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "audit.confined"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[1],
            env=cloud | {"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._process:  # waits, and closes the pipes
            self._process.kill()

    def ask(self, request: Request) -> Answer:
        """The answer to the one request; QueryRefused when the process broke off or went on for too long."""
        line = json.dumps(asdict(request)).encode() + b"\n"
        try:
            out, _ = self._process.communicate(line, timeout=request.seconds + GRACE_S)
        except subprocess.TimeoutExpired as error:
            raise QueryRefused(f"no result within {request.seconds} s") from error
        if self._process.returncode != 0:
            raise QueryRefused(f"query process ended: {self._process.returncode}")
        head = out.index(b"\n") + 1
        return Answer(**json.loads(out[:head]), body=memoryview(out)[head:])
