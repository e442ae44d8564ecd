"""A wire between this machine and a node in a network namespace: it can be pulled, and made slow. Needs root."""

import os
import subprocess
import time
from types import TracebackType
from typing import Self

HERE, BESIDE, THERE = "10.211.77.1", "10.211.77.3", "10.211.77.2"  # Ray keeps a machine's nodes apart by address


class Wire:
    """Two ends of a veth pair; `inside` begins a command that runs at the far one."""

    def __init__(self) -> None:
        self.name = f"chaos-{os.getpid()}"
        self._near, self._far = f"ch{os.getpid()}a", f"ch{os.getpid()}b"

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def __enter__(self) -> Self:
        _ip("netns", "add", self.name)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
        for address in (HERE, BESIDE):
            _ip("addr", "add", f"{address}/24", "dev", self._near)
        _ip("-n", self.name, "addr", "add", f"{THERE}/24", "dev", self._far)
        for link in ("lo", self._far):
            _ip("-n", self.name, "link", "set", link, "up")
        _ip("link", "set", self._near, "up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        _ip("link", "del", self._near)
        _ip("netns", "del", self.name)

    def pull(self, seconds: float) -> None:
        """Nothing passes; who waits for an answer hears nothing."""
        _ip("link", "set", self._near, "down")
        try:
            time.sleep(seconds)
        finally:
            _ip("link", "set", self._near, "up")

    def narrow(self, seconds: float) -> None:
        """256 kbit/s, and half a second of waiting before what does not fit is dropped."""
        shape = ("tbf", "rate", "256kbit", "burst", "4kb", "latency", "500ms")
        _run("tc", "qdisc", "add", "dev", self._near, "root", *shape)
        try:
            time.sleep(seconds)
        finally:
            _run("tc", "qdisc", "del", "dev", self._near, "root")


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)
