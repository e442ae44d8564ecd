"""Gateways that share their counts in a real Redis: exact together, closed without it, and it learns no names."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
import redis

from app.auth import TokenKey
from app.errors import Fault, RateLimited
from app.limiting.bounds import Unit, bounds_of
from app.limiting.limiter import Limiter
from app.limiting.shared import in_redis, read_url, shared_names
from app.settings import Limits, Settings, TenantLimits, UnsafeEnvironment, require_shared_limits
from tests.redis_server import RedisServer
from tests.unit.app.limiting.conftest import NAMES, person, shared
from tests.unit.app.limiting.test_limiter import CROWDED, admitted, crowd

SHORT = Limits(
    body_timeout_s=0.1, guard_timeout_s=0.1, queue_wait_s=0.1, deadline_s=0.1, append_timeout_s=0.1, concurrent=1
)


@pytest.fixture
def gateways(server: RedisServer) -> tuple[Limiter, Limiter]:
    limits = Limits(requests_per_minute=20, tokens_per_minute=100, concurrent=3)
    return shared(server, limits), shared(server, limits)


async def test_two_gateways_together_admit_no_more_than_one(gateways: tuple[Limiter, Limiter]) -> None:
    counted = await asyncio.gather(*(admitted(gateways[number % 2], 1) for number in range(60)))
    assert sum(counted) == 20


async def test_tokens_of_one_gateway_count_at_the_other(gateways: tuple[Limiter, Limiter]) -> None:
    await gateways[0].spend(person(), 100)
    with pytest.raises(RateLimited):
        await gateways[1].check(person())


async def test_places_of_one_gateway_count_at_the_other(gateways: tuple[Limiter, Limiter]) -> None:
    first, second = gateways
    async with first.place(person()), first.place(person()), second.place(person()):
        with pytest.raises(RateLimited):
            async with second.place(person()):
                pass
    async with second.place(person()), second.place(person()), second.place(person()):
        pass


async def test_a_tenant_that_is_full_costs_its_people_no_place(server: RedisServer) -> None:
    limiter = shared(server, Limits(each_tenant=TenantLimits(concurrent=1)))
    async with limiter.place(person()):
        with pytest.raises(RateLimited):
            async with limiter.place(person("eve")):
                pass
        assert sum(key.startswith("preceptor:leases/concurrent") for key in server.held()) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_no_place_leaks_in_redis(server: RedisServer, seed: int) -> None:
    limiter = shared(server, CROWDED)
    await crowd(limiter, seed)
    await asyncio.gather(*limiter._ends)
    assert [key for key in server.held() if "leases" in key] == []


async def test_the_place_of_a_gateway_that_died_lapses(server: RedisServer) -> None:
    gone, living = shared(server, SHORT), shared(server, SHORT)
    bounds = [each for each in bounds_of(person(), SHORT, NAMES) if each.unit is Unit.CONCURRENT]
    assert await gone.counts.leases.take("of a dead one", bounds, SHORT.lease_s) is None
    with pytest.raises(RateLimited):
        async with living.place(person()):
            pass
    await asyncio.sleep(SHORT.lease_s + 0.1)
    async with living.place(person()):
        pass


async def test_without_redis_nobody_is_admitted_and_with_it_again_everybody(server: RedisServer) -> None:
    limiter = shared(server, Limits())
    await limiter.check(person())
    server.stop()
    for ask in (limiter.check(person()), limiter.place(person()).__aenter__()):
        with pytest.raises(Fault) as refused:
            await ask
        assert (refused.value.status, refused.value.code) == (503, "limits_unavailable")
        assert int(refused.value.headers()["retry-after"]) >= 1
    await limiter.spend(person(), 5)  # never raises: the answer is out
    server.start()
    await limiter.check(person())


async def test_a_redis_that_hangs_holds_nobody_up(server: RedisServer) -> None:
    patient, limiter = shared(server, Limits(limits_timeout_s=5)), shared(server, Limits(limits_timeout_s=0.5))
    await patient.check(person())
    server.freeze()
    began = time.monotonic()
    refused = await asyncio.gather(*(limiter.check(person()) for _ in range(100)), return_exceptions=True)
    assert {type(error) for error in refused} == {Fault}
    assert time.monotonic() - began < 5
    server.thaw()
    await patient.check(person())


async def test_a_place_whose_answer_was_lost_is_given_back(server: RedisServer) -> None:
    limiter = shared(server, Limits(concurrent=1))
    async with limiter.place(person()):
        pass
    server.freeze()
    task = asyncio.create_task(_hold(limiter))
    await asyncio.sleep(0.05)
    task.cancel()
    server.thaw()  # and now it takes the place for somebody who has gone
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.gather(*limiter._ends)
    async with limiter.place(person()):
        pass


async def _hold(limiter: Limiter) -> None:
    async with limiter.place(person()):
        await asyncio.sleep(10)


async def test_a_wrong_password_is_no_way_in() -> None:
    server = RedisServer("--requirepass", "right")
    try:
        with pytest.raises(Fault):
            await shared(server, Limits()).check(person())
        limiter = Limiter(Limits(), in_redis(server.url.replace("unix://", "unix://:right@"), 5), NAMES)
        await limiter.check(person())
    finally:
        server.close()


async def test_redis_learns_no_names_and_forgets_by_itself(server: RedisServer) -> None:
    limiter = shared(server, Limits(each_tenant=TenantLimits(requests_per_minute=9, tokens_per_minute=9, concurrent=9)))
    who = person("margaret", "springfield")
    await limiter.check(who)
    await limiter.spend(who, 5)
    async with limiter.place(who):
        held = server.held()
    assert len(held) == 6
    assert not any(name in repr(held).lower() for name in ("margaret", "springfield", "learner"))
    with redis.Redis.from_url(server.url) as client:
        assert all(0 < client.ttl(key) <= 61 for key in client.scan_iter())


async def test_gateways_of_one_installation_agree_on_pseudonyms(server: RedisServer, tmp_path: Path) -> None:
    TokenKey.create(tmp_path / "keys")
    settings = Settings(home=tmp_path, redis=server.url_file(), gateways=2, limits=Limits(requests_per_minute=3))
    assert sum([await admitted(Limiter.load(settings), 2), await admitted(Limiter.load(settings), 2)]) == 3
    TokenKey.create(tmp_path / "other")
    assert shared_names(tmp_path / "other").of("a", "b") != shared_names(tmp_path / "keys").of("a", "b")
    assert NAMES.of("ab", "c") != NAMES.of("a", "bc")


def test_the_file_of_the_url_is_closed_to_others_and_names_a_redis(tmp_path: Path) -> None:
    file = tmp_path / "url"
    with pytest.raises(FileNotFoundError):
        read_url(file)
    file.write_text("redis://:secret@redis.example:6379/0\n")
    file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod"):
        read_url(file)
    file.chmod(0o640)
    assert read_url(file) == "redis://:secret@redis.example:6379/0"
    file.write_text("http://secret@x")
    with pytest.raises(ValueError, match="redis://") as refused:
        read_url(file)
    assert "secret" not in str(refused.value)


def test_more_gateways_are_refused_without_redis_and_without_being_named() -> None:
    require_shared_limits(Settings(), 1)
    require_shared_limits(Settings(gateways=3, redis=Path("url")), 3)
    with pytest.raises(UnsafeEnvironment, match="PRECEPTOR_REDIS_URL_FILE"):
        require_shared_limits(Settings(gateways=2), 2)
    with pytest.raises(UnsafeEnvironment, match="make them equal"):
        require_shared_limits(Settings(redis=Path("url")), 2)


def test_the_builder_refuses_more_gateways_without_redis(tmp_path: Path) -> None:
    from app.main import build

    with pytest.raises(UnsafeEnvironment, match="gateways: 2"):
        build(Settings(home=tmp_path, gateways=2))
