"""Where the attackers live: each in an environment of its own, made from its own lock; nothing is resolved later."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train.attack.errors import AttackerMissing

LOCKS = Path(__file__).parent.parent.parent / "requirements"
STAMP = "installed.txt"
NAMES = ("pyrit", "garak")
COMMAND = "make attackers"


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python that can run one attacker."""

    name: str
    python: Path

    @classmethod
    def find(cls, name: str, attackers: Path, locks: Path = LOCKS) -> "Environment":
        """The environment below `attackers`. Raises AttackerMissing unless it is what the lock says now."""
        folder = attackers.absolute() / name
        stamp, python = folder / STAMP, folder / "bin" / "python"
        wanted = hashlib.sha256((locks / f"{name}.txt").read_bytes()).hexdigest()
        found = stamp.read_text().strip() if stamp.is_file() and python.exists() else "none"
        if found != wanted:
            raise AttackerMissing(
                f"{folder}: expected {name} as requirements/{name}.txt locks it ({wanted[:12]}), found {found[:12]}; "
                f"run `{COMMAND}`"
            )
        return cls(name, python)


def bare(home: Path) -> Mapping[str, str]:
    """What an attacker's process may know of this one: no key, no proxy, a home of its own; nothing that asks a hub."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    own = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(home))
    return kept | own | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
