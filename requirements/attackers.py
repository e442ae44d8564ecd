"""Bring the attackers' environments to exactly what their locks say. Standard library only; `make attackers` calls it.

    python3.11 requirements/attackers.py FOLDER

Each attacker gets FOLDER/NAME, because their dependencies contradict ours and each other's. Two small packages come
only as source; they are built here with the setuptools of attackers-build.txt, so that nothing unhashed takes part.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from install import LOCKS, InstallFailed, clear, create, only_one, runs_pip, tail

NAMES = ("pyrit", "garak")
BUILD = "attackers-build.txt"
SOURCES = "ecoji,langdetect"
STAMP = "installed.txt"


def main() -> int:
    """Install, and say on stdout what is being waited for."""
    parser = argparse.ArgumentParser(description="Install the locked attackers below FOLDER.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    try:
        for name in NAMES:
            with only_one(folder / name) as lock:
                install(name, folder / name, lock)
    except InstallFailed as failure:
        print(f"attackers: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"attackers: cannot write {folder}: {failure.strerror or failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("attackers: stopped; the next call starts over", file=sys.stderr)
        return 130
    return 0


def install(name: str, venv: Path, lock: int) -> None:
    """Make `venv` what requirements/NAME.txt says; another lock, or an install that was cut off, starts it over."""
    wanted = hashlib.sha256((LOCKS / f"{name}.txt").read_bytes()).hexdigest()
    stamp = venv / STAMP
    if stamp.is_file() and stamp.read_text().strip() == wanted and runs_pip(venv):
        return
    print(f"attackers: installing {name} into {venv}", flush=True)
    stamp.unlink(missing_ok=True)
    clear(venv, keep=venv / "installing")
    create(venv)
    pip_install(venv, lock, BUILD)
    pip_install(venv, lock, f"{name}.txt", "--no-build-isolation", f"--no-binary={SOURCES}")
    stamp.write_text(f"{wanted}\n")
    (venv / "installing").unlink()


def pip_install(venv: Path, lock: int, name: str, *more: str) -> None:
    """Install one lock: hashes required, nothing that the lock does not name. Raises InstallFailed."""
    command: list[Path | str] = [venv / "bin" / "python", "-m", "pip", "install", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", *more, "--no-input", "--quiet", "-r", LOCKS / name]
    done = subprocess.run(command, check=False, capture_output=True, text=True, pass_fds=[lock])
    if done.returncode:
        raise InstallFailed(f"pip could not install requirements/{name}\n{tail(done.stdout + done.stderr)}")


if __name__ == "__main__":
    sys.exit(main())
