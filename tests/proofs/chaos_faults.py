"""What is done to a running tutor, by name. A fault returns when it is over; what it killed may not be back.

Replicas, proxy and controller are found by the titles that Ray gives its processes, since who lists them may be dead.
"""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app import cleanup
from tests.proofs.chaos_clients import Clients
from tests.proofs.chaos_disk import Disk
from tests.proofs.chaos_graph import FAKETIME, clock
from tests.proofs.chaos_link import Link
from tests.proofs.chaos_nodes import Nodes

REPLICA = "ray::ServeReplica:preceptor:"
TITLES = {  # regular expressions, the first that any process bears; HAProxy stands where Serve starts it
    "proxy": (r"(.*/)?haproxy$", r"ray::ProxyActor"),
    "proxy manager": (r"ray::HAProxyManager", r"ray::ProxyActor"),
    "controller": (r"ray::ServeController",),
}
HOUR_S = 3600
FOUND_WITHIN_S = 120.0


class NotThere(Exception):
    """What a fault would hit is not running."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What faults reach: the tutor's processes by its home, its disk, and the way of its clients."""

    home: Path
    clients: Clients
    disk: Disk | None = None
    nodes: Nodes | None = None

    def pids(self, name: str) -> list[int]:
        """Of the processes of a deployment, the proxy or the controller, oldest first."""
        run = cleanup.load(self.home)
        ours = sorted(cleanup.ours(run), key=lambda process: process.create_time()) if run else []
        titles = {process.pid: _title(process.pid) for process in ours}
        for title in TITLES.get(name, (re.escape(REPLICA + name),)):
            if found := [pid for pid, text in titles.items() if re.match(rf"(?:{title})(\.|$)", text)]:
                return found
        return []

    def find(self, name: str) -> int:
        """The oldest, of proxies the newest: a reload leaves those that stood before to their last connections.

        Waits for one that is just coming back. Raises NotThere.
        """
        until = time.monotonic() + FOUND_WITHIN_S
        while time.monotonic() < until:
            if found := self.pids(name):
                return found[-1 if name == "proxy" else 0]
            time.sleep(0.2)
        raise NotThere(name)


Fault = Callable[[Ground], None]


def kill(name: str) -> Fault:
    """kill -9."""

    def fault(ground: Ground) -> None:
        os.kill(ground.find(name), signal.SIGKILL)

    return fault


def stall(name: str, seconds: float) -> Fault:
    """It stands still, takes connections and answers nothing; then it goes on."""

    def fault(ground: Ground) -> None:
        pid = ground.find(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            with suppress(ProcessLookupError):  # Serve may have put another in its place
                os.kill(pid, signal.SIGCONT)

    return fault


def jump(deployment: str, seconds: int) -> Fault:
    """Its clock is wrong for a while; the monotonic one is not."""

    def fault(ground: Ground) -> None:
        file = clock(ground.home, deployment)
        file.write_text(f"{seconds:+d}")
        time.sleep(4)
        file.write_text("+0")

    return fault


def link(change: Callable[[Link], None], seconds: float = 0.0, back: Callable[[Link], None] | None = None) -> Fault:
    """Something happens to the way, and is taken back after a time."""

    def fault(ground: Ground) -> None:
        ground.clients.on_link(change)
        time.sleep(seconds)
        if back:
            ground.clients.on_link(back)

    return fault


def disk(act: Callable[[Disk], None]) -> Fault:
    """Something happens to the disk with the log and the keys."""

    def fault(ground: Ground) -> None:
        assert ground.disk, "a disk of its own is needed"
        act(ground.disk)

    return fault


def node(act: Callable[[Nodes], None]) -> Fault:
    """Something happens to a node of several."""

    def fault(ground: Ground) -> None:
        assert ground.nodes, "several nodes are needed"
        act(ground.nodes)

    return fault


def _full(given: Disk) -> None:
    given.fill()
    try:
        time.sleep(3)
    finally:
        given.empty()


def _down(way: Link) -> None:
    way.is_down = True
    way.cut()


def _up(way: Link) -> None:
    way.is_down = False


def _delay(seconds: float) -> Callable[[Link], None]:
    return lambda way: setattr(way, "delay_s", seconds)


def _lossy(loses: bool) -> Callable[[Link], None]:
    return lambda way: setattr(way, "loses", loses)


PARTS = ("Gateway", "Guard", "Model", "Knowledge", "AuditLog-control", "AuditLog-exchange-0", "proxy",
         "proxy manager", "controller")  # fmt: skip
KILLS = {f"kill {name}": kill(name) for name in PARTS}
STALLS = {f"stall {name} 2 s": stall(name, 2) for name in PARTS} | {
    f"stall {name} 6 s": stall(name, 6) for name in ("Gateway", "Guard", "Model", "AuditLog-exchange-0")
}
LINKS = {
    "link cut": link(Link.cut),
    "link down 2 s": link(_down, 2, _up),
    "link silent 3 s": link(Link.stall, 3, Link.go_on),
    "link slow 0.3 s a piece": link(_delay(0.3), 3, _delay(0)),
    "link loses every fifth piece": link(_lossy(True), 3, _lossy(False)),
}
DISKS = {
    "disk full 3 s": disk(_full),
    "disk hangs 3 s": disk(lambda given: given.hang(3)),
    "disk slow 4 s": disk(lambda given: given.slow(4)),
}
CLOCKS = {
    "clock Gateway +1 h": jump("Gateway", HOUR_S),
    "clock Gateway -1 h": jump("Gateway", -HOUR_S),
    "clock log +1 h": jump("AuditLog-exchange-0", HOUR_S),
    "clock log -1 h": jump("AuditLog-exchange-0", -HOUR_S),
}
NODES = {
    "kill raylet of the second node": node(lambda given: given.kill_raylet("second")),
    "lose the head": node(lambda given: given.lose("head")),
    "lose the second node": node(lambda given: given.lose("second")),
    "second node's wire pulled 4 s": node(lambda given: given.wire.pull(4)),
    "second node's wire narrow 4 s": node(lambda given: given.wire.narrow(4)),
}
FAULTS: dict[str, Fault] = KILLS | STALLS | LINKS | DISKS | CLOCKS | NODES


def can_do(name: str) -> str:
    """Why this machine cannot have a fault; "" if it can."""
    if name in CLOCKS and not FAKETIME.exists():
        return "libfaketime is missing"
    if name in DISKS and (os.geteuid() != 0 or not Path("/dev/loop-control").exists()):
        return "needs root and loop devices"
    return ""


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace").strip()
    except OSError:
        return ""
