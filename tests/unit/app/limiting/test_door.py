"""Limits as clients meet them over HTTP: every response tells them, and what is over a bound ends in time."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.api import create_app
from app.limiting.limiter import Limiter
from app.reviewing.desk import Desk
from app.settings import Limits
from tests.redis_server import RedisServer
from tests.unit.app.conftest import World
from tests.unit.app.limiting.conftest import shared

CHAT = "/v1/chat/completions"
FIELDS = {"ratelimit", "ratelimit-policy", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
          "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
          "x-ratelimit-reset-tokens"}  # fmt: skip


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def dripping(pause_s: float, pieces: int = 100) -> AsyncIterator[bytes]:
    """A body that never quite comes."""
    for _ in range(pieces):
        yield b" "
        await asyncio.sleep(pause_s)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_every_response_to_a_known_person_tells_the_limits(make_world) -> None:
    world = await make_world(Limits(body_bytes=1000, requests_per_minute=12))
    answers = {
        200: await world.ask(),
        400: await world.http.post(CHAT, content=b"{"),
        404: await world.http.get("/v1/models/other"),
        413: await world.http.post(CHAT, content=b"x" * 2000),
        403: await world.http.get("/v1/review"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.headers) >= FIELDS, status
    streamed = await world.ask(stream=True)
    assert int(streamed.headers["x-ratelimit-remaining-requests"]) == 12 - 7
    for _ in range(5):
        await world.ask()
    over = await world.ask()
    assert code(over) == (429, "rate_limit_exceeded")
    assert set(over.headers) >= {*FIELDS, "retry-after"}
    assert over.headers["x-ratelimit-remaining-requests"] == "0"
    nobody = await world.http.get("/v1/models", headers={"authorization": "Bearer x"})
    assert not FIELDS & set(nobody.headers)


async def test_a_body_that_drips_ends_in_408(make_world) -> None:
    world = await make_world(Limits(body_timeout_s=0.2))
    answer = await world.http.post(CHAT, content=dripping(0.05))
    assert code(answer) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert world.model.asked == []


async def test_dripping_bodies_hold_the_places_of_their_sender_alone(make_world) -> None:
    world = await make_world(Limits(body_timeout_s=5, concurrent=2))
    slow = [asyncio.create_task(world.http.post(CHAT, content=dripping(0.05))) for _ in range(2)]
    await until(lambda: len(next(iter(world.tutor.limiter.counts.leases._taken.values()), ())) == 2)
    assert code(await world.ask()) == (429, "rate_limit_exceeded")
    other = {"authorization": f"Bearer {world.key('eve')}"}
    assert (await world.http.get("/v1/models", headers=other)).status_code == 200
    assert {code(await one) for one in slow} == {(408, "request_timeout")}
    assert (await world.ask()).status_code == 200
    assert len(world.tutor.limiter.counts.leases) == 0


async def test_a_body_is_not_read_for_who_is_over_the_limit_or_has_no_key(make_world) -> None:
    world = await make_world(Limits(requests_per_minute=1, body_timeout_s=5))
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{}"

    assert (await world.http.post(CHAT, content=body())).status_code == 429
    assert (await world.http.post(CHAT, content=body(), headers={"authorization": "Bearer x"})).status_code == 401
    assert read == 0


async def test_a_gateway_that_is_full_says_so_and_is_not_dead(make_world) -> None:
    world = await make_world(Limits(open_requests=2, body_timeout_s=5))
    slow = [asyncio.create_task(world.http.post(CHAT, content=dripping(0.05))) for _ in range(2)]
    await asyncio.sleep(0.3)
    full = await world.http.get("/v1/models")
    assert code(full) == (503, "overloaded")
    assert full.headers["retry-after"] == "1"
    assert full.json()["error"]["preceptor"] == {"cause": "fault"}
    assert (await world.http.get("/healthz")).status_code == 200
    assert (await world.http.get("/readyz")).status_code == 200
    assert world.counts["overloaded"] == 1
    await asyncio.gather(*slow)
    assert (await world.http.get("/v1/models")).status_code == 200


async def test_what_the_model_cannot_take_is_shed_before_it_is_checked_or_logged(make_world) -> None:
    world = await make_world(Limits(streams=1, queue=0))
    world.model.pause_s = 0.05
    first = asyncio.create_task(world.ask())
    await until(lambda: world.kinds() == ["request"])
    shed = await world.ask("HARMWORD")  # a check would have made it 400
    assert code(shed) == (503, "overloaded")
    assert int(shed.headers["retry-after"]) >= 1
    assert world.kinds().count("request") == 1
    assert (await first).status_code == 200
    assert (await world.ask()).status_code == 200


async def test_a_slot_is_free_when_the_model_is_through_though_nobody_reads(make_world) -> None:
    world = await make_world(Limits(streams=1))
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "What is a hash?"}]}).encode()
    who = world.issuer.read(world.key())
    events = world.tutor.answer(world.tutor.admit(who, body, {}))
    await anext(events)
    await until(lambda: world.tutor.queue.running == 0)
    assert (await world.ask()).status_code == 200
    await events.aclose()
    assert world.tutor.queue.running == 0


async def test_tokens_are_charged_when_the_client_hangs_up_too(make_world) -> None:
    world = await make_world(Limits(tokens_per_minute=40))
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "What is a hash?"}]}).encode()
    who = world.issuer.read(world.key())
    events = world.tutor.answer(world.tutor.admit(who, body, {}))
    await anext(events)
    await events.aclose()
    assert code(await world.ask()) == (429, "rate_limit_exceeded")


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[tuple[World, RedisServer]]:
    server = RedisServer()
    world = World(tmp_path, Limits(requests_per_minute=6))
    world.tutor = replace(world.tutor, limiter=shared(server, world.tutor.limits))
    world.http._transport = httpx.ASGITransport(world.app(), raise_app_exceptions=False)
    await world.accept()
    yield world, server
    server.close()


async def test_without_redis_every_door_that_needs_a_key_is_closed(gateways: tuple[World, RedisServer]) -> None:
    world, server = gateways
    assert (await world.ask()).status_code == 200
    server.stop()
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("POST", "/v1/terms"), ("GET", "/v1/audit/checkpoints"),
                         ("GET", "/v1/review"), ("POST", "/v1/findings"), ("POST", "/v1/appeals")):  # fmt: skip
        answer = await world.http.request(method, path)
        assert code(answer) == (503, "limits_unavailable"), path
        assert int(answer.headers["retry-after"]) >= 1
        assert not FIELDS & set(answer.headers)
    assert (await world.http.get("/readyz")).status_code == 200
    assert len(world.model.asked) == 1
    server.start()
    assert (await world.ask()).status_code == 200


async def test_two_gateways_over_http_share_one_count(gateways: tuple[World, RedisServer]) -> None:
    world, server = gateways
    other: Limiter = shared(server, world.tutor.limits)
    app = create_app(replace(world.tutor, limiter=other), Counter(), Desk(lambda _: [], world.control))
    second = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://two", headers=world.http.headers)
    statuses = [(await client.get("/v1/models")).status_code for _ in range(4) for client in (world.http, second)]
    assert statuses == [200] * 5 + [429] * 3  # accepting the terms was the first
