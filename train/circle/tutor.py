"""The tutor that the circle attacks: started and stopped as a user would, driven by commands as an operator would."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from train.errors import TrainingError

STOP_S = 90.0


class StepFailed(TrainingError):
    """A command of the circle ended with a status that it must not have."""


@dataclass(frozen=True, slots=True)
class Tutor:
    """A running tutor: its home, and the environment of a second shell that sourced run.env."""

    home: Path
    env: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.env["PRECEPTOR_URL"]

    @property
    def log(self) -> str:
        """The root of its logs."""
        return self.env["PRECEPTOR_LOG"]

    def run(self, *command: str, key: str | None = None, allowed: tuple[int, ...] = (0,)) -> int:
        """One of our commands, its output shown as it comes; the status. Raises StepFailed for one not allowed."""
        env = dict(self.env) | ({"PRECEPTOR_API_KEY": key} if key else {})
        status = subprocess.run([sys.executable, "-m", *command], env=env, check=False).returncode
        if status not in allowed:
            raise StepFailed(f"python -m {command[0]}: expected status {allowed}, got {status}")
        return status

    def mint(self, subject: str, role: str) -> str:
        """A key for somebody; raises StepFailed."""
        command = [sys.executable, "-m", "app.keys", "mint", "--subject", subject, "--tenant", "loop", "--role", role]
        done = subprocess.run(command, env=dict(self.env), check=False, capture_output=True, text=True)
        if done.returncode:
            raise StepFailed(f"app.keys: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()


@contextmanager
def running(home: Path, port: int) -> Iterator[Tutor]:
    """Start a tutor with a home of its own, wait until it is ready, and stop it in the end. Raises StepFailed."""
    env = os.environ | {"PRECEPTOR_HOME": str(home), "PRECEPTOR_PORT": str(port), "PRECEPTOR_REFRESH": "0"}
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_DASHBOARD_ADDRESS", "PRECEPTOR_LOG_URL"):
        env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "app.run", "--with-parent"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        _wait(process)
        said = shlex.split((home / "run.env").read_text())
        yield Tutor(home, env | dict(line.split("=", 1) for line in said if "=" in line))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[str]") -> None:
    """Until the last line of a start, the ready curl."""
    if process.stdout is None:
        raise StepFailed("app.run: expected its output, got none")
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.startswith("curl "):
            return
    raise StepFailed(f"app.run: expected a tutor that is ready, it ended with {process.wait(STOP_S)}")
