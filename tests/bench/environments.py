"""Peers run in environments of their own, pinned, made once; one that is not here is a row "not run", no fault."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

INSTALL_S = 1800.0
_MADE = "pins.txt"


class NotRun(Exception):
    """A peer is not here, or did not end well; the message says why."""


def environment(folder: Path, pins: Sequence[str], unwanted: Sequence[str] = ()) -> Path:
    """The Python of a virtual environment, made once; a half-made one is made anew. Raises NotRun."""
    python = folder / "bin" / "python"
    if not is_made(folder, pins):
        shutil.rmtree(folder, ignore_errors=True)
        output([sys.executable, "-m", "venv", str(folder)], INSTALL_S)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        output([*pip, "install", *pins], INSTALL_S)
        if unwanted:
            output([*pip, "uninstall", "--yes", *unwanted], INSTALL_S)
        (folder / _MADE).write_text(_listed(pins))
    return python


def is_made(folder: Path, pins: Sequence[str]) -> bool:
    """Whether the environment stands there whole, with exactly these pins."""
    made = folder / _MADE
    return made.is_file() and made.read_text() == _listed(pins)


def output(command: Sequence[str], limit_s: float, **more: Any) -> str:
    """What a command printed; NotRun with its last complaint, or when it takes too long."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit_s, **more)
    except subprocess.TimeoutExpired as error:
        raise NotRun(f"expected an end within {limit_s:g} s, got none") from error
    except OSError as error:
        raise NotRun(str(error)) from error
    if done.returncode != 0:
        complaints = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
        raise NotRun(complaints[-1].strip()[:300])
    return str(done.stdout)


def _listed(pins: Sequence[str]) -> str:
    return "\n".join(pins) + "\n"
