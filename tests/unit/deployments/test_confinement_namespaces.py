"""The self-test in network namespaces with a real listener beyond a wire, and with a root that is writable or not.

Each way of shutting a door is tried with the door open first: a self-test that cannot fail proves nothing.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments import landlock

ROOT = Path(__file__).resolve().parents[3]
ALONE = ["unshare", "--mount", "--propagation", "private"]
MAY = subprocess.run(["unshare", "--net", *ALONE[1:], "true"], capture_output=True, check=False).returncode == 0
pytestmark = pytest.mark.skipif(not MAY, reason="not run: this user may not make namespaces of network and mounts")

SERVER = """
import socket, threading, sys
for family, host in ((socket.AF_INET, "10.98.0.2"), (socket.AF_INET6, "fd98::2")):
    tcp = socket.create_server((host, 4444), family=family)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((host, 4444))
    threading.Thread(target=lambda tcp=tcp: [tcp.accept() for _ in iter(int, 1)], daemon=True).start()
    threading.Thread(target=lambda udp=udp: [udp.sendto(*udp.recvfrom(512)) for _ in iter(int, 1)], daemon=True).start()
print("up", flush=True)
sys.stdin.read()
"""
PROBES = ["tcp://10.98.0.2:4444", "tcp://[fd98::2]:4444", "udp://10.98.0.2:4444", "udp://[fd98::2]:4444"]
SHUT = ["tcp://10.98.0.2:4445", "tcp://[fd98::2]:4445"]


@dataclass
class Inside:
    """A network namespace that has one wire to another, where the listeners are."""

    name: str

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", "-n", self.name, *arguments], check=True, capture_output=True, text=True)

    def route(self, kind: str) -> None:
        """Put a route of this kind before the wire's own."""
        self.ip("route", "add", kind, "10.98.0.2/32")
        self.ip("-6", "route", "add", kind, "fd98::2/128", "metric", "1")

    def findings(self, probes: list[str], **env: str) -> list[str]:
        found = examine(["ip", "netns", "exec", self.name], probes, **env)["findings"]
        return [finding for finding in found if finding.startswith(("tcp", "udp"))]


def examine(before: list[str], probes: list[str], script: str = "", **env: str) -> dict[str, Any]:
    demands = json.dumps({"outside": probes, "private": [], "fixed": []})
    examined = [sys.executable, "-m", "tests.unit.deployments.examined", demands]
    if script:
        examined = ["sh", "-ec", f'{script}\nexec "$@"', "sh", *examined]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"} | env
    done = subprocess.run([*before, *examined], cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def inside() -> Iterator[Inside]:
    mark = uuid.uuid4().hex[:6]
    here, there = f"in{mark}", f"out{mark}"
    for name in (here, there):
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        wire = ["ip", "-n", here, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", there]
        subprocess.run(wire, check=True)
        for name, last in ((here, "1"), (there, "2")):
            ours = Inside(name)
            ours.ip("address", "add", f"10.98.0.{last}/24", "dev", "wire")
            ours.ip("address", "add", f"fd98::{last}/64", "dev", "wire", "nodad")
            for link in ("lo", "wire"):
                ours.ip("link", "set", link, "up")
        command = ["ip", "netns", "exec", there, sys.executable, "-c", SERVER]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout.readline() == "up\n"
            yield Inside(here)
            server.stdin.close()
    finally:
        for name in (here, there):
            subprocess.run(["ip", "netns", "delete", name], check=True)


def test_a_listener_outside_that_can_be_reached_is_a_finding_in_every_way(inside) -> None:
    assert inside.findings(PROBES + SHUT) == [
        *(f"{probe}: a connection was made" for probe in PROBES[:2]),
        *(f"{probe}: a datagram was answered" for probe in PROBES[2:]),
        *(f"{probe}: it was reached, and refused" for probe in SHUT),
    ]


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_a_route_that_leads_nowhere_shuts_the_door(inside, kind: str) -> None:
    assert len(inside.findings(PROBES[:1])) == 1
    inside.route(kind)
    assert inside.findings(PROBES + SHUT) == []


def test_no_interface_shuts_the_door_and_so_does_a_neighbour_who_is_silent(inside) -> None:
    assert inside.findings(["tcp://10.98.0.77:80", "tcp://[fd98::77]:80"]) == []
    inside.ip("link", "set", "wire", "down")
    assert inside.findings(PROBES + SHUT) == []


@pytest.mark.skipif(landlock.version() < 4, reason="not run: this kernel's Landlock does not know TCP")
@pytest.mark.parametrize("kernel", ["as it is", "without MPTCP"])
def test_what_landlock_alone_leaves_open_is_found(inside, kernel: str) -> None:
    """Neither filter nor policy: MPTCP and TCP Fast Open pass."""
    confine = "from deployments.landlock import *; import os, sys; restrict(Rules(((Path('/'), WRITE),), (), ()))"
    command = [sys.executable, "-c", f"{confine}; os.execv(sys.argv[1], sys.argv[1:])"]
    script = "" if kernel == "as it is" else "echo 0 > /proc/sys/net/mptcp/enabled"
    subprocess.run(["ip", "netns", "exec", inside.name, "sh", "-c", script], check=True)
    found = examine(["ip", "netns", "exec", inside.name, *command], PROBES[:2])["findings"]
    ways = {finding.rpartition(" by ")[2] for finding in found if finding.startswith("tcp")}
    if not ways:
        pytest.skip(f"not run: Landlock of this kernel, {kernel}, leaves nothing open")
    assert ways == {"MPTCP" if kernel == "as it is" else "TCP Fast Open"}


def test_a_worker_that_confined_itself_reaches_nothing_though_the_wire_is_up(inside, tmp_path) -> None:
    (tmp_path / "s" / "logs").mkdir(parents=True)
    demands = json.dumps({"outside": PROBES + SHUT, "private": [], "fixed": ["/etc"]})
    command = ["ip", "netns", "exec", inside.name, sys.executable, "-m", "deployments.confined_worker", "-m",
               "tests.unit.deployments.examined", demands, "--gcs-address=127.0.0.1:6379",
               f"--temp-dir={tmp_path}", "--session-name=s"]  # fmt: skip
    env = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"] == []


FREEZE = """awk '{print $5}' /proc/self/mountinfo | grep -vx -e /proc -e /dev/shm | sort -u |
    while read -r place; do mount -o remount,bind,ro "$place"; done"""


def test_a_writable_root_is_a_finding_and_one_that_is_mounted_read_only_is_not() -> None:
    free = examine(ALONE, [])["findings"]
    assert {f"{place}: it can be written" for place in ("/", "/etc", "/usr", ROOT)} <= set(free)
    assert examine(ALONE, [], FREEZE)["findings"] == []


def test_a_volume_that_is_writable_is_a_finding_though_the_root_is_not(tmp_path) -> None:
    volume = tmp_path / "a volume"
    volume.mkdir()
    mounted = f'{FREEZE}; mount -t tmpfs none "{volume}"'
    assert examine(ALONE, [], mounted)["findings"] == [f"{volume}: it can be written"]
    assert examine(ALONE, [], mounted, TMPDIR=str(volume / "cache"))["findings"] == []
    assert examine(ALONE, [], f"{mounted} -o ro")["findings"] == []


def test_the_kubernetes_api_is_tried_where_this_is_a_pod(inside) -> None:
    def found(port: int) -> list[str]:
        return inside.findings([], KUBERNETES_SERVICE_HOST="fd98::2", KUBERNETES_SERVICE_PORT=str(port))

    assert found(4444) == ["tcp://[fd98::2]:4444: a connection was made"]
    inside.route("blackhole")
    assert found(4444) == []
