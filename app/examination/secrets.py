"""Secrets on this host: who else may read their files, and whether one stands in a process list."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil

from app.examination.deployment import CannotTell, Deployment

SIGNOFF_WORDS = ("signoff", "sign-off", "policy")


def key_files(deployment: Deployment) -> str | None:
    """The keys' folder and every file in it belong to one user alone."""
    folder = deployment.settings.keys
    if not folder.is_dir():
        raise CannotTell(f"{folder} is not on this host; examine the one that holds the keys")
    wide = [str(path) for path in (folder, *folder.rglob("*")) if _others_may(path)]
    return f"others may read {', '.join(wide)}; chmod 700 folders, 600 files" if wide else None


def run_env_file(deployment: Deployment) -> str | None:
    """`run.env` holds a key and is its owner's alone; only the launcher writes one."""
    path = deployment.settings.home / "run.env"
    return f"others may read {path}; chmod 600" if path.exists() and _others_may(path) else None


def signoff_key_elsewhere(deployment: Deployment) -> str | None:
    """The private key that signs the policy never lies among the cluster's keys."""
    folder = deployment.settings.keys
    found = [path.name for path in folder.glob("*.key") if path.stem.startswith(SIGNOFF_WORDS)]
    return f"{', '.join(found)} in {folder}: the sign-off key belongs on another machine" if found else None


def process_list(deployment: Deployment) -> str | None:
    """No process bears a secret in its command line, where every user of the host reads it."""
    secrets = [each for each in _secrets(deployment) if len(each) >= 16]
    bearing = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if any(secret in command for secret in secrets):
                bearing.append(f"{process.name()} ({process.pid})")
    return f"a key or token stands in the command line of {', '.join(bearing)}; pass files" if bearing else None


def _secrets(deployment: Deployment) -> Iterator[str]:
    yield deployment.ray_token
    yield from (value for name, value in deployment.environment.items() if name.endswith(("_API_KEY", "_ADMIN_KEY")))


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
