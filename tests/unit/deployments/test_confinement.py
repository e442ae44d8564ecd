"""The self-test finds what is open, and finds nothing in a worker that confined itself: real kernel, real sockets."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments import landlock
from deployments.confined_worker import rules
from deployments.confinement import Demands, NotConfined, require
from deployments.egress import OUTSIDE, Address, reached

ROOT = Path(__file__).resolve().parents[3]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
EXAMINED = ["-m", "tests.unit.deployments.examined"]
OTHER_WAYS = ("mptcp", "vsock", "raw", "packet", "sendto", "sendmsg", "sendmmsg")
LANDLOCK = pytest.mark.skipif(landlock.version() < 6, reason="not run: this kernel has no Landlock of ABI 6")


@dataclass
class Place:
    """A home with a secret, a session of Ray's, and two listeners, one where Ray would be."""

    home: Path
    inside: socket.socket
    outside: socket.socket

    @property
    def demands(self) -> dict[str, Any]:
        port = self.outside.getsockname()[1]
        return {"outside": [f"tcp://127.0.0.1:{port}"], "private": [str(self.home / "keys")], "fixed": [str(self.home)]}

    def worker(self, gcs: str = "127.0.0.1") -> list[str]:
        port = self.inside.getsockname()[1]
        return [f"--gcs-address={gcs}:{port}", f"--temp-dir={self.home / 'ray'}", "--session-name=session_1",
                "--node-manager-port=0"]  # fmt: skip

    def examine(self, *before: str, gcs: str = "127.0.0.1", **env: str) -> dict[str, Any]:
        command = [sys.executable, *before, *EXAMINED, json.dumps(self.demands), *self.worker(gcs)]
        env = os.environ | {"PYTHONPATH": str(ROOT), "PRECEPTOR_HOME": str(self.home)} | OFFLINE | env
        done = subprocess.run(command, cwd=self.home, env=env, text=True, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "keys" / "old").mkdir(parents=True)
    (tmp_path / "keys" / "log.key").write_text("secret")
    (tmp_path / "keys" / "old" / "log-1.key").write_text("secret")
    (tmp_path / "models").mkdir()
    (tmp_path / "ray" / "session_1" / "logs").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as inside, socket.create_server(("127.0.0.1", 0)) as outside:
        yield Place(tmp_path, inside, outside)


def test_a_free_process_has_a_finding_for_each_thing_that_it_can_do(place) -> None:
    report = place.examine(HF_HUB_OFFLINE="0")
    found = "\n".join(report["findings"])
    assert f"{place.demands['outside'][0]}: a connection was made" in found
    assert f"{place.home}: it can be written" in found
    for secret in ("log.key", "old/log-1.key"):
        assert f"{place.home / 'keys' / secret}: it can be read" in found
    assert "HF_HUB_OFFLINE is not set" in found
    assert "huggingface_hub is online" in found
    assert report["enforced"] == "nothing is enforced here"
    assert not {"EACCES", "EPERM"} & {report["tried"][name] for name in ("gcs", "udp", "unix", "sendto", "sendmsg")}
    assert not list(place.home.glob(".confinement-*"))


@LANDLOCK
def test_a_worker_that_confined_itself_has_none_and_still_reaches_ray(place) -> None:
    report = place.examine("-m", "deployments.confined_worker")
    assert report["findings"] == []
    assert report["enforced"].startswith("Landlock ABI")
    tried = report["tried"]
    assert {tried[name] for name in ("gcs", "bind_any", "unix", "netlink", "temporary")} == {"done"}
    assert {tried[name] for name in ("bind_80", "environment")} == {"EACCES"}
    assert tried["signal"] == "EPERM"
    if report["enforced"].endswith(", TCP alone"):  # on the architectures whose system calls the filter knows
        assert {tried[name] for name in (*OTHER_WAYS, "udp", "udp6")} == {"EACCES"}
        assert tried["io_uring"] == "ENOSYS"


@LANDLOCK
def test_where_ray_has_a_name_dns_stays_open_and_the_report_says_so(place) -> None:
    report = place.examine("-m", "deployments.confined_worker", gcs="localhost")
    assert report["findings"] == []
    assert report["enforced"].endswith(", TCP and UDP alone")
    assert {report["tried"][name] for name in ("udp", "udp6", "gcs")} == {"done"}
    assert {report["tried"][name] for name in OTHER_WAYS} == {"EACCES"}


def test_the_rules_follow_the_arguments_of_worker_and_raylet(tmp_path) -> None:
    worker = {"temp-dir": "/nowhere", "session-name": "s", "gcs-address": "10.0.0.1:6379", "node-manager-port": "7001"}
    found = rules(worker, {"min-worker-port": "11000", "max-worker-port": "11001"}, tmp_path)
    assert found.connect == (6379, 7001, 11000, 11001)
    assert found.bind == (0, 11000, 11001)
    named = rules(worker | {"gcs-address": "head.ray.svc:6379"}, {}, tmp_path)
    assert {53, 6379, 10002, 19999} <= set(named.connect)
    assert {80, 443} & set(named.connect) == set()
    free = rules(worker, {"min-worker-port": "0", "max-worker-port": "0"}, tmp_path)  # the kernel gives any
    assert len(free.connect) > 1000


def test_a_refusal_from_outside_is_a_finding_and_silence_over_udp_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        shut = gone.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        quiet = silent.getsockname()[1]
        probes = [f"tcp://127.0.0.1:{shut}", f"udp://127.0.0.1:{shut}", f"udp://127.0.0.1:{quiet}"]
        found = reached([Address.parse(probe) for probe in probes])
    assert found == [f"{probe}: it was reached, and refused" for probe in probes[:2]]


@pytest.mark.parametrize("wrong", ["1.1.1.1:53", "tcp://example.org:1", "http://1.1.1.1:80", "tcp://1.1.1.1", "tcp://"])
def test_a_probe_that_is_no_address_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected|appear"):
        Address.parse(wrong)


def test_what_is_always_tried_parses_and_speaks_of_both_families() -> None:
    assert [str(Address.parse(text)) for text in OUTSIDE] == list(OUTSIDE)
    assert any("[" in text for text in OUTSIDE)


@LANDLOCK
def test_what_the_document_says_to_try_shows_the_difference(tmp_path) -> None:
    (script,) = re.findall(r"```sh\n(.+?)```", (ROOT / "docs" / "sandbox.md").read_text(), re.DOTALL)
    env = os.environ | OFFLINE | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-ec", script.replace("/tmp/confined", str(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=60, check=True)
    free, confined = (json.loads(line) for line in done.stdout.splitlines())
    assert f"{ROOT}: it can be written" in free["findings"]
    assert confined["findings"] == []
    assert confined["enforced"].startswith("Landlock ABI")


def test_production_does_not_start_with_a_finding_and_a_laptop_is_told(place, caplog) -> None:
    outside = tuple(map(Address.parse, place.demands["outside"]))
    with pytest.raises(NotConfined, match=r"nothing is enforced here.*a connection was made"):
        require(Demands(outside, (), (), required=True))
    with caplog.at_level("WARNING", "ray.serve"):
        report = require(Demands(outside, (), (), required=False))
    assert any("a connection was made" in finding for finding in report.findings)
    assert caplog.text.count("is not confined") == 1
