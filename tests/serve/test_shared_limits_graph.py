"""Two Gateways of the running graph share one count in a real Redis, and close when it is gone."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest

from tests.redis_server import RedisServer
from tests.serve.conftest import Running, free_port
from tests.serve.test_redeploy import DONE_WITHIN_S, gateway, redeploy

ALLOWED = 40
LIMITS = {"requests_per_minute": ALLOWED, "limits_timeout_s": 5}  # a machine that stalls for one is no fault


@pytest.fixture
def server() -> Iterator[RedisServer]:
    started = RedisServer(port=free_port())
    yield started
    started.close()


@pytest.fixture
def two(running: Running, server: RedisServer) -> Iterator[Running]:
    """The graph with a second Gateway; afterwards as it was."""

    def more(application: dict[str, Any]) -> None:
        shared = {"gateways": 2, "redis": str(server.url_file()), "limits": LIMITS}
        application["args"] |= shared
        gateway(application)["num_replicas"] = 2

    def one(application: dict[str, Any]) -> None:
        for name in ("gateways", "redis", "limits"):
            del application["args"][name]
        gateway(application)["num_replicas"] = 1

    key = running.mint("counted", "--tenant", "crowd")  # before: minting needs a request of its own
    running.key, operator = key, running.key
    update(running, more, 2)
    yield running
    running.key = operator
    update(running, one, 1)


def update(running: Running, change: Any, count: int) -> None:
    """Hand the change to Serve and wait until so many Gateways run, none of them an old one."""
    old = set(running.pids("Gateway"))
    redeploy(running, change)
    until = time.monotonic() + DONE_WITHIN_S
    while True:
        new = running.pids("Gateway")
        found = running.applications()
        if len(new) == count and not old & set(new) and found["deployments"]["Gateway"]["status"] == "HEALTHY":
            return
        assert time.monotonic() < until, (old, new, found["status"], found["message"])
        time.sleep(1)


def ask(running: Running, path: str = "/v1/models") -> httpx.Response:
    with running.client(timeout=30) as client:
        return client.get(path)


def connected(pid: int, server: RedisServer) -> bool:
    """Whether this process talks to Redis, which it begins with its first request."""
    port = httpx.URL(server.url).port
    return any(each.raddr and each.raddr.port == port for each in psutil.Process(pid).net_connections("tcp"))


def test_two_gateways_count_together_and_close_without_redis(two: Running, server: RedisServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(two), range(ALLOWED + 20)))
    assert Counter(answer.status_code for answer in answers) == {200: ALLOWED, 429: 20}
    assert all(connected(pid, server) for pid in two.pids("Gateway")), "only one of them was asked"
    left = sorted(int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers)
    assert (left[0], left[-1]) == (0, ALLOWED - 1)
    assert all(1 <= int(answer.headers["retry-after"]) <= 61 for answer in answers if answer.status_code == 429)
    assert "counted" not in repr(server.held())
    server.stop()
    for _ in range(8):
        closed = ask(two)
        assert (closed.status_code, closed.json()["error"]["code"]) == (503, "limits_unavailable")
        assert int(closed.headers["retry-after"]) >= 1
    assert ask(two, "/readyz").status_code == 200
    server.start()  # empty: what it forgot, clients get back
    assert ask(two).status_code == 200
