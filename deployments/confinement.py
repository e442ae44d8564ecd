"""The proof that a replica is confined, by trying what it must not be able to do. Free of Ray.

It believes no setting, neither ours nor the cluster's: each attempt is made, and what succeeds is a finding. Who
confines (Landlock through `deployments.confined_worker`, a NetworkPolicy, a read-only root) does not matter.
"""

import contextlib
import errno
import itertools
import logging
import os
import re
import secrets
import socket
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.confined_worker import CONFINED, ROOT
from deployments.egress import Address, reached

SYSTEM = (Path("/"), Path("/etc"), Path("/usr"))
MOUNTS = Path("/proc/self/mountinfo")
OBJECTS = Path("/dev/shm")  # noqa: S108 - where Ray's objects are
OCTAL = re.compile(r"\\([0-7]{3})")  # how it writes spaces in names
MEMORY_QUEUES = "mqueue"  # a file system without files: message queues, which any container may make
CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENXIO})
SAMPLE = 64  # files of a private folder that are tried

logger = logging.getLogger("ray.serve")


class NotConfined(Exception):
    """The replica can do what it must not; in production it does not start. Says everything that was found."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What must be impossible: reaching `outside`, reading what is `private`, writing there or in what is `fixed`.

    Nor may anything be written in the system, on any mounted file system but the cache's, or the Kubernetes API be
    reached: that is not asked for, it is always tried. `private` names folders and files; where they are not, they
    cannot be read. With `required` a finding is fatal.
    """

    outside: tuple[Address, ...]
    private: tuple[Path, ...]
    fixed: tuple[Path, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, one sentence each, and what the kernel was said to enforce."""

    findings: tuple[str, ...]
    enforced: str


def require(demands: Demands) -> Report:
    """Examine, and tell the findings once in the service's log; raises NotConfined where the demands are required."""
    report = examine(demands)
    if report.findings and demands.required:
        raise NotConfined(f"this replica is not confined ({report.enforced}): {'; '.join(report.findings)}")
    if report.findings:
        about = {"event": "not_confined", "enforced": report.enforced}
        logger.warning(
            "this replica is not confined (%s): %s", report.enforced, "; ".join(report.findings), extra=about
        )
    return report


def examine(demands: Demands) -> Report:
    """Try everything; takes as long as an unanswered connection, see `egress.TIMEOUT_S`."""
    own = (*SYSTEM, Path.home(), ROOT, Path(sysconfig.get_path("purelib")), *_mounted())
    folders = [place for place in (*own, *demands.fixed, *demands.private) if place.suffix != ".key"]
    findings = (
        *reached((*demands.outside, *_kubernetes())),
        *filter(None, map(_written, dict.fromkeys(folders))),
        *filter(None, map(_read, dict.fromkeys(_sample(demands.private)))),
        *_online(),
    )
    return Report(findings, os.environ.get(CONFINED, "nothing is enforced here"))


def _kubernetes() -> Iterator[Address]:
    """The API server, where this is a pod: an address that is sure to answer if it can be reached."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if host:
        yield Address(socket.SOCK_STREAM, host, int(port))


def _mounted() -> Iterator[Path]:
    """Where file systems are mounted (proc(5)), but for what a replica may write: its cache's, and Ray's objects."""
    lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    kinds = {Path(OCTAL.sub(_character, words[4])): words[words.index("-") + 1] for words in lines}
    cache = Path(os.environ.get("TMPDIR", "/tmp")).absolute()  # noqa: S108 - where it is unless it is named
    ours = max(filter(cache.is_relative_to, kinds), key=lambda place: len(place.parts), default=None)
    return (place for place, kind in kinds.items() if place not in (ours, OBJECTS) and kind != MEMORY_QUEUES)


def _character(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _written(folder: Path) -> str | None:
    """A finding if a file can be made in a folder; it is removed again."""
    mark = folder / f".confinement-{secrets.token_hex(8)}"
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        return None if error.errno in CLOSED else f"{folder}: cannot tell whether it is read-only: {error.strerror}"
    with contextlib.suppress(OSError):
        mark.unlink()
    return f"{folder}: it can be written"


def _sample(private: Sequence[Path]) -> Iterator[Path]:
    """Files that must not be read: those that are named, and the first of those that can be listed."""
    allowed = Path(os.environ.get("RAY_AUTH_TOKEN_PATH", os.devnull))
    for place in private:
        listed = (Path(folder, name) for folder, _, names in os.walk(place) for name in sorted(names))
        files = (path for path in (place, *listed) if path != allowed and not _is_folder(path))
        yield from itertools.islice(files, SAMPLE)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # it cannot be told, so try to read it
        return False


def _read(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return f"{path}: it can be read"
    except OSError as error:
        return None if error.errno in CLOSED else f"{path}: cannot tell whether it is secret: {error.strerror}"


def _online() -> Iterator[str]:
    """Findings about the model hub: the variables, and what its library made of them."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() not in {"1", "ON", "YES", "TRUE"}:
            yield f"{name} is not set"
    from huggingface_hub import is_offline_mode

    if not is_offline_mode():
        yield "huggingface_hub is online"
