"""Limiters whose counts are in this process, and such whose counts are in a real Redis."""

from collections.abc import Callable, Iterator

import pytest

from app.auth import Principal, Role
from app.limiting.bounds import Pseudonyms
from app.limiting.limiter import Limiter
from app.limiting.shared import in_redis
from app.settings import Limits
from tests.redis_server import RedisServer

NAMES = Pseudonyms(b"k" * 32)
Make = Callable[[Limits], Limiter]


def person(subject: str = "ada", tenant: str = "school", role: Role = Role.LEARNER) -> Principal:
    return Principal(subject, tenant, role, "jti", 2**40)


def shared(server: RedisServer, limits: Limits) -> Limiter:
    """One of several Gateways' limiters; patient, unless a test says how patient, since test machines are busy."""
    if "limits_timeout_s" not in limits.model_fields_set:
        limits = limits.model_copy(update={"limits_timeout_s": 5.0})
    return Limiter(limits, in_redis(server.url, limits.limits_timeout_s), NAMES)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    started = RedisServer()
    yield started
    started.close()


@pytest.fixture(params=["in process", "in Redis"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "in process":
        return Limiter.alone
    server = request.getfixturevalue("server")
    return lambda limits: shared(server, limits)
