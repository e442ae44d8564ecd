"""Which sockets the deployment's processes listen on, on this host."""

import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from app.examination.deployment import CannotTell, Deployment, is_outward

# A word of the command line → what the process is; the first that fits.
PARTS = {
    "gcs_server": "GCS",
    "ray.util.client.server": "Ray client",
    "dashboard/dashboard.py": "dashboard",
    "dashboard/agent.py": "dashboard agent",
    "runtime_env/agent/main.py": "runtime environment agent",
    "haproxy": "HAProxy",
    "ray::ServeReplica": "replica",
    "ray::Proxy": "proxy",
    "raylet": "raylet",
    "ray-dashboard": "dashboard",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket and what its process is."""

    address: str
    port: int
    part: str

    @property
    def near(self) -> str:
        """The address by which this host itself reaches it."""
        return "127.0.0.1" if ipaddress.ip_address(self.address).is_unspecified else self.address

    def __str__(self) -> str:
        return f"{self.part} on {self.address}:{self.port}"


def outward_listeners(deployment: Deployment) -> list[Listener]:
    """What listens beyond the loopback, of the processes of this cluster; raises CannotTell if there are none here."""
    processes = list(_of_cluster(deployment.gcs[1]))
    if not processes:
        raise CannotTell("no process of this cluster runs on this host; examine each of its nodes")
    found = {listener for process in processes for listener in _listeners(process) if is_outward(listener.address)}
    return sorted(found, key=lambda listener: (listener.part, listener.port))


def _of_cluster(gcs_port: int) -> Iterator[psutil.Process]:
    """Processes that name the GCS's port, and all that came of them."""
    seen: set[int] = set()
    for process in psutil.process_iter():
        for one in _family(process, gcs_port):
            if one.pid not in seen:
                seen.add(one.pid)
                yield one


def _family(process: psutil.Process, gcs_port: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
        if any(word.endswith((f":{gcs_port}", f"--gcs_server_port={gcs_port}")) for word in command if "gcs" in word):
            return [process, *process.children(recursive=True)]
    return []


def _listeners(process: psutil.Process) -> Iterator[Listener]:
    with contextlib.suppress(psutil.Error):
        title = " ".join(process.cmdline())
        part = next((part for word, part in PARTS.items() if word in title), "a worker")
        for socket in process.net_connections("inet"):
            if socket.status == psutil.CONN_LISTEN:
                yield Listener(socket.laddr.ip, socket.laddr.port, part)
