"""PyRIT's converters, asked over a pipe: one process, started when it is first needed."""

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from train.attack.environment import Environment, bare
from train.attack.errors import AttackerFailed
from train.attack.seeds import valid
from train.attack.techniques import Chain

WORKER = Path(__file__).with_name("pyrit_worker.py")


class ConversionFailed(AttackerFailed):
    """A converter could not convert this text; others may."""


class Pyrit:
    """One process that converts one text after the other."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._home = tempfile.TemporaryDirectory()
        self._errors = Path(self._home.name) / "errors.txt"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def convert(self, text: str, chain: Chain, seed: int) -> str:
        """The disguised text; an empty chain leaves it as it is. Raises ConversionFailed, AttackerFailed."""
        if not chain:
            return text
        asked, told = self._pipes()
        try:
            asked.write(json.dumps({"text": text, "chain": list(chain), "seed": seed}) + "\n")
            asked.flush()
            said = json.loads(told.readline())
        except (OSError, ValueError) as error:
            self.close()
            said = self._errors.read_text(errors="replace")[-500:]
            raise AttackerFailed(f"pyrit: expected a converted text, its process ended and said: {said}") from error
        if "error" in said:
            raise ConversionFailed(f"pyrit: {said['error']}")
        return valid(str(said["text"]))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process is None:
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    [self._environment.python, "-I", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=errors, text=True, encoding="utf-8", env=dict(bare(self._errors.parent)),
                )  # fmt: skip
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdin, self._process.stdout
