"""The deployment that is examined: where its doors are, and what this shell knows of it."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app.settings import Settings


class CannotTell(Exception):
    """A check could not be made; the message says what it lacks. What was not looked at is never called safe."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """`outward` are this host's own addresses that others can reach; `environment` is this shell's or run.env's."""

    url: str
    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    outward: tuple[str, ...] = ()

    @classmethod
    def here(cls, url: str, settings: Settings) -> "Deployment":
        """As the environment and `<home>/run.env` tell; the environment wins."""
        return cls(url, settings, run_env(settings.home / "run.env") | dict(os.environ), outward_addresses())

    @property
    def dashboard(self) -> str:
        """Ray's dashboard; raises CannotTell where nobody says where it is."""
        found = self.environment.get("RAY_DASHBOARD_ADDRESS") or self.environment.get("PRECEPTOR_DASHBOARD")
        if not found:
            raise CannotTell("RAY_DASHBOARD_ADDRESS is not set; source run.env")
        return found.rstrip("/")

    @property
    def gcs(self) -> tuple[str, int]:
        """Host and port of Ray's GCS; raises CannotTell where nobody says where it is."""
        host, _, port = self.environment.get("RAY_ADDRESS", "").rpartition(":")
        if not host or not port.isdigit():
            raise CannotTell("RAY_ADDRESS is not set to HOST:PORT; source run.env")
        return host, int(port)

    @property
    def key(self) -> str:
        """A key to ask with; raises CannotTell without one."""
        if found := self.environment.get("PRECEPTOR_API_KEY"):
            return found
        raise CannotTell("PRECEPTOR_API_KEY is not set")

    @property
    def ray_token(self) -> str:
        """Ray's token as Ray's commands find it; "" without one."""
        path = Path(self.environment.get("RAY_AUTH_TOKEN_PATH") or self.settings.keys / "ray.token")
        return self.environment.get("RAY_AUTH_TOKEN") or (path.read_text().strip() if path.is_file() else "")

    @property
    def encrypted(self) -> bool:
        """Whether the tutor is asked by https."""
        return urlsplit(self.url).scheme == "https"

    @property
    def place(self) -> tuple[str, int]:
        """Host and port of the tutor."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if self.encrypted else 80)


def run_env(path: Path) -> dict[str, str]:
    """NAME=value lines as the launcher writes them; empty without the file."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {name: value.strip("'") for name, equals, value in (line.partition("=") for line in lines) if equals}


def outward_addresses() -> tuple[str, ...]:
    """This host's addresses beyond the loopback and link-local ones."""
    families = (socket.AF_INET, socket.AF_INET6)
    every = [each.address for found in psutil.net_if_addrs().values() for each in found if each.family in families]
    return tuple(sorted(address for address in every if is_outward(address.partition("%")[0])))


def is_outward(address: str) -> bool:
    """Whether a socket bound to this address can be reached from another machine; 0.0.0.0 and :: can."""
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return not (mapped or found).is_loopback and not found.is_link_local
