"""What a start needs from this machine, checked before anything is started; and what a running deployment leaves open.

    python -m app.doctor
    python -m app.doctor --running [--url URL]

Each check answers None, or one sentence with what is wrong and what to do. Those of a running deployment are made as a
stranger would (app/examination); run them on each host, as the user that runs Ray.
"""

import argparse
import contextlib
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from pydantic import ValidationError

from app.settings import Settings, UnsafeEnvironment, from_environment, require_safe_environment
from deployments.throughput import LONGEST_FOLDER

ROOT = Path(__file__).parents[1]
DISK_BYTES = 2 * 1024**3
# A Unix socket's path has 107 bytes. In the run's folder Ray's own need 86; HAProxy's leave less.
SOCKET_ROOT_BYTES = LONGEST_FOLDER - len("/preceptor-12345678")


class CannotStart(Exception):
    """The tutor cannot start or go on, for a reason its user can act on; the message is all they are shown."""


class WrongSetting(CannotStart):
    """A PRECEPTOR_… variable has a value that means nothing."""


def read_settings() -> Settings:
    """The settings of the environment; raises WrongSetting that names the variable."""
    try:
        return from_environment()
    except ValidationError as error:
        faults = [f"PRECEPTOR_{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors()]
        raise WrongSetting("\n".join(faults)) from error


def python(_: Settings) -> str | None:
    """The locks are made for one Python."""
    if platform.python_version_tuple()[:2] == ("3", "11"):
        return None
    return f"Python 3.11 is needed, this is {platform.python_version()}; `make run` takes the right one"


def packages(_: Settings) -> str | None:
    """Every direct requirement is installed; the locks see to the rest."""
    lines = (ROOT / "requirements" / "preceptor.in").read_text().splitlines()
    names = [found.group() for line in lines if (found := re.match(r"[A-Za-z0-9._-]+", line))]
    missing = [name for name in names if not _installed(name)]
    return f"packages are missing: {', '.join(missing)}; `make run` installs them" if missing else None


def _installed(name: str) -> bool:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return bool(metadata.version(name))
    return False


def home(settings: Settings) -> str | None:
    """The folder of the log and the keys can be written."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home):
            return None
    except OSError as error:
        return f"cannot write to {settings.home} ({error.strerror}); PRECEPTOR_HOME chooses another folder"


def disk(settings: Settings) -> str | None:
    """Room for the model cache, the log and Ray's session."""
    for folder in (settings.home, socket_root() or Path("/")):
        free = shutil.disk_usage(folder).free if folder.exists() else DISK_BYTES
        if free < DISK_BYTES:
            return f"the disk of {folder} has {free / 1024**3:.1f} GiB free, and 2 GiB are needed; make room"
    return None


def sockets(_: Settings) -> str | None:
    """Ray's sockets fit below the temporary folder."""
    if socket_root() is not None:
        return None
    return f"no writable temporary folder with a path of at most {SOCKET_ROOT_BYTES} bytes; set TMPDIR to one"


def socket_root() -> Path | None:
    """The temporary folder, if its path is short enough for Ray's sockets, else /tmp."""
    for folder in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - a folder of our own is made in it, mode 0700
        if len(os.fsencode(folder)) <= SOCKET_ROOT_BYTES and os.access(folder, os.W_OK):
            return Path(folder)
    return None


def port(settings: Settings) -> str | None:
    """The port of the tutor is free."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except PermissionError:
        return f"port {settings.port} needs privileges; PRECEPTOR_PORT chooses another"
    except OSError as error:
        where = f"port {settings.port} of {settings.host}"
        return f"{where}: {error.strerror}; stop what uses it, or choose another with PRECEPTOR_PORT"
    return None


def switches(settings: Settings) -> str | None:
    """No switch of Ray that leads around the guard and the log; token authentication the launcher sets itself."""
    try:
        require_safe_environment(settings.model_copy(update={"mode": "laptop"}))
    except UnsafeEnvironment as unsafe:
        return str(unsafe)
    return None


def signoff(settings: Settings) -> str | None:
    """In production, the public key whose signature on policy and terms counts."""
    if settings.mode != "production" or (settings.signoff_key and settings.signoff_key.is_file()):
        return None
    return "production needs PRECEPTOR_SIGNOFF_KEY, a public key's file; `python -m app.policy keygen` makes a pair"


CHECKS: tuple[Callable[[Settings], str | None], ...] = (python, packages, home, sockets, disk, port, switches, signoff)


def examine(settings: Settings) -> None:
    """Run all checks; raises CannotStart that names every problem found."""
    problems = [problem for check in CHECKS if (problem := check(settings)) is not None]
    if problems:
        raise CannotStart("\n".join(problems))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each check and its outcome. Exit 0; 1 when one fails; 2 for a wrong setting or what cannot be told."""
    parser = argparse.ArgumentParser(prog="python -m app.doctor", description="Check this machine, or what runs on it.")
    parser.add_argument("--running", action="store_true", help="examine the running deployment instead")
    parser.add_argument("--url", default=os.environ.get("PRECEPTOR_URL"), help="the tutor (default: PRECEPTOR_URL)")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings()
    except WrongSetting as wrong:
        print(f"doctor: {wrong}", file=sys.stderr)
        return 2
    return _examine_running(settings, given.url) if given.running else _examine_start(settings)


def _examine_start(settings: Settings) -> int:
    found = {check.__name__: check(settings) for check in CHECKS}
    for name, problem in found.items():
        print(f"{name:10} {problem or 'ok'}")
    return int(any(found.values()))


def _examine_running(settings: Settings, url: str | None) -> int:
    from app.examination import checks
    from app.examination.deployment import Deployment

    deployment = Deployment.here(url or f"http://127.0.0.1:{settings.port}", settings)
    found = []
    for each in checks.examine(deployment):
        print(each, flush=True)
        found.append(each)
    return checks.exit_status(found)


if __name__ == "__main__":
    sys.exit(main())
