"""Bring a virtual environment to exactly what a lock says. Standard library only; `make` calls it.

    python3.11 requirements/install.py VENV [--dev] [--web]

A second call with the same locks returns at once. An install that was cut off leaves the file `installing`
behind, and the next call starts that environment over: pip itself would take a half-written package for a whole one.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LOCKS = Path(__file__).parent
RUNTIMES = ("cpu.txt", "cuda.txt")
NOISE = ("WARNING: Location ", "Looking in ", "[notice]")


class InstallFailed(Exception):
    """The environment could not be made; the message is for the user."""


def main() -> int:
    """Install, and say on stdout what is being waited for."""
    parser = argparse.ArgumentParser(description="Install the locked dependencies into VENV.")
    parser.add_argument("venv", type=Path)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    parser.add_argument("--web", action="store_true", help="also Node, which builds the page")
    given = parser.parse_args()
    extra = [name for name, wanted in (("dev.txt", given.dev), ("web.txt", given.web)) if wanted]
    try:
        with only_one(given.venv) as lock:
            install(given.venv.absolute(), lock, extra)
    except InstallFailed as failure:
        print(f"install: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"install: cannot write {given.venv}: {failure.strerror or failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install: stopped; the next call starts over", file=sys.stderr)
        return 130
    return 0


@contextlib.contextmanager
def only_one(venv: Path) -> Iterator[int]:
    """Hold the folder `venv`; pip holds it too, so that a pip that outlived its caller is waited for."""
    venv.mkdir(parents=True, exist_ok=True)
    lock = os.open(venv, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"environment: another install into {venv} is under way; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield lock
    finally:
        os.close(lock)


def install(venv: Path, lock: int, extra: Sequence[str]) -> None:
    """Make `venv`, choose the lock that fits the torch on offer, install what the stamp lacks, `extra` too.

    An extra lock that was installed before stays in the stamp.
    """
    installing, stamp = venv / "installing", venv / "installed.json"
    if installing.exists() or (any(venv.iterdir()) and not runs_pip(venv)):
        print("environment: the last install was cut off; starting over", flush=True)
        clear(venv, keep=installing)
    done: dict[str, str] = json.loads(stamp.read_text()) if stamp.exists() else {}
    wanted = [name for name in RUNTIMES if done.get(name) == digest(name)][:1]
    if wanted and all(done.get(name) == digest(name) for name in extra):
        return
    installing.touch()
    if not runs_pip(venv):
        print(f"environment: creating {venv}", flush=True)
        create(venv)
    runtime = wanted[0] if wanted else choose(venv)
    for name in [runtime, *extra]:
        if done.get(name) != digest(name):
            pip_install(venv, name, lock)
    before = {name: found for name, found in done.items() if name not in RUNTIMES}
    stamp.write_text(json.dumps(before | {name: digest(name) for name in (runtime, *extra)}))
    installing.unlink()


def digest(name: str) -> str:
    """SHA-256 of the lock `name`."""
    return hashlib.sha256((LOCKS / name).read_bytes()).hexdigest()


def runs_pip(venv: Path) -> bool:
    """True when `venv` has a Python that can run pip."""
    python = venv / "bin" / "python"
    return python.exists() and call([python, "-m", "pip", "--version"]).returncode == 0


def call(command: list[Path | str]) -> subprocess.CompletedProcess[str]:
    """Run quietly; the caller reads the exit status and what was said."""
    return subprocess.run(command, check=False, capture_output=True, text=True)


def clear(venv: Path, keep: Path) -> None:
    """Empty the folder; `keep` stays to the last, so a second interruption is noticed too."""
    keep.touch()
    for entry in venv.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != keep:
            entry.unlink()


def create(venv: Path) -> None:
    """Make the environment with the Python that runs this file."""
    made = call([sys.executable, "-m", "venv", venv])
    if made.returncode:
        said = (made.stdout + made.stderr).strip()
        raise InstallFailed(f"python -m venv failed (Debian and Ubuntu: apt-get install python3.11-venv)\n{said}")


def choose(venv: Path) -> str:
    """The CPU lock when pip is offered a +cpu build of torch, else the one with the registry's CUDA build."""
    torch = (LOCKS / "cpu-torch.txt").read_text().strip()
    print(f"environment: asking for {torch}", flush=True)
    pip: list[Path | str] = [venv / "bin" / "python", "-m", "pip", "install"]
    asked = call([*pip, "--dry-run", "--no-deps", "--only-binary=:all:", torch])
    if asked.returncode == 0:
        return "cpu.txt"
    if "No matching distribution found" in asked.stderr:
        return "cuda.txt"
    raise InstallFailed(f"pip cannot reach its package index\n{tail(asked.stderr)}")


def pip_install(venv: Path, name: str, lock: int) -> None:
    """Install one lock: hashes required, wheels only, nothing that the lock does not name."""
    log = venv / "install.log"
    command: list[Path | str] = [venv / "bin" / "python", "-m", "pip", "install", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-input", "-r", LOCKS / name]
    total = sum(1 for line in (LOCKS / name).read_text().splitlines() if "==" in line)
    said = ""
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, pass_fds=[lock]) as pip,
    ):
        while pip.poll() is None:
            time.sleep(0.5)
            now = progress(log.read_text(errors="replace"), venv, name, total)
            if now != said:
                print(now, flush=True)
            said = now
    if pip.returncode:
        raise InstallFailed(f"pip could not install requirements/{name}\n{tail(log.read_text(errors='replace'))}")


def progress(log: str, venv: Path, name: str, total: int) -> str:
    """One line of progress, in steps of twenty packages so that a pipe stays readable."""
    fetched = log.count("Collecting ") + log.count("Requirement already satisfied")
    if "Installing collected packages" not in log:
        return f"environment: {name}: fetched {fetched // 20 * 20} of {total} packages"
    unpacked = sum(1 for _ in venv.glob("lib/python3.11/site-packages/*.dist-info"))
    return f"environment: {name}: unpacking, {unpacked // 20 * 20} packages in place"


def tail(log: str) -> str:
    """The last lines that say something: pip's errors, without its remarks on empty indexes."""
    return "\n".join([line for line in log.splitlines() if line.strip() and not line.startswith(NOISE)][-12:])


if __name__ == "__main__":
    sys.exit(main())
