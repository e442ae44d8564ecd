"""What one start of the tutor leaves on this machine, and how it is taken away again.

A process is ours when it carries our PRECEPTOR_RUN_ID, which every child inherits. Ray's workers write their
title over the environment the kernel shows, so a process titled ray… in our head's session is ours too.
Nothing else is ever signalled: another Ray cluster is not ours to stop, which is why `ray stop` has no place here.

As a program this is the watchdog: it outlives a launcher that was killed, and cleans up in its place.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from app.doctor import CannotStart

MARK = "PRECEPTOR_RUN_ID"
RECORD = "run.json"
RUN_ENV = "run.env"
# Signal, seconds it is given, and whether it goes to Ray's head alone.
STAGES = ((signal.SIGTERM, 5.0, True), (signal.SIGTERM, 2.0, False), (signal.SIGKILL, 8.0, False))


@dataclass(frozen=True, slots=True)
class Run:
    """One start: its mark, its launcher, Ray's temporary folder, and the session Ray's head leads (0: none yet)."""

    run_id: str
    launcher: int
    temp: str
    session: int = 0

    def save(self, home: Path) -> None:
        """Write the record by which a later start finds what this one left."""
        (home / RECORD).write_text(json.dumps(asdict(self)))


def load(home: Path) -> Run | None:
    """The record of the last start on `home`, if it has not been cleaned up; an unreadable one counts as none."""
    try:
        return Run(**json.loads((home / RECORD).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def ours(run: Run) -> list[psutil.Process]:
    """The live processes that `run` has started, directly or not."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_ours(process, run)]


def _is_ours(process: psutil.Process, run: Run) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get(MARK) == run.run_id:
            return True
        title = next(iter(process.cmdline()), "")
        return bool(run.session) and title.startswith("ray") and os.getsid(process.pid) == run.session
    return False


def clean(home: Path, run: Run) -> None:
    """Stop every process of `run`, then remove its temporary folder and its files. Safe to repeat.

    The head goes first, since it ends its own children in order; what is left then is told, and at last killed.
    """
    for number, patience_s, only in STAGES:
        if _gone(run, number, patience_s, run.session if only else None):
            break
    shutil.rmtree(run.temp, ignore_errors=True)
    for name in (RUN_ENV, RECORD):
        (home / name).unlink(missing_ok=True)


def _gone(run: Run, number: signal.Signals, patience_s: float, only: int | None) -> bool:
    """Signal each process once, new ones included; True when none is left within the time."""
    end = time.monotonic() + patience_s
    signalled: set[int] = set()
    while left := ours(run):
        for process in left:
            if process.pid not in signalled and only in {None, process.pid}:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
                signalled.add(process.pid)
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@contextlib.contextmanager
def alone(home: Path, wait_s: float = 30.0) -> Iterator[IO[str]]:
    """Hold `home` for this process; raises CannotStart while another start uses it.

    The watchdog shares the lock, so that a start right after a kill waits until the old one is gone.
    """
    with (home / "run.lock").open("a") as lock:
        end = time.monotonic() + wait_s
        while not _locked(lock):
            run = load(home)
            running = run is not None and psutil.pid_exists(run.launcher)
            if running or time.monotonic() > end:
                who = f" (process {run.launcher})" if run else ""
                raise CannotStart(f"a tutor already uses {home}{who}; stop it, or choose another PRECEPTOR_HOME")
            time.sleep(0.3)
        yield lock


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def watchdog(home: Path, run: Run, lock: IO[str]) -> subprocess.Popen[bytes]:
    """Start the watchdog of `run`; it acts when its standard input closes, however this process ends."""
    command = [sys.executable, "-m", "app.cleanup", str(home), run.run_id]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, pass_fds=[lock.fileno()], start_new_session=True, cwd=Path(__file__).parents[1]
    )


def main(home: Path, run_id: str) -> None:
    """Wait for the launcher's end; clean up if it has not."""
    sys.stdin.read()
    run = load(home)
    if run is not None and run.run_id == run_id:
        clean(home, run)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
