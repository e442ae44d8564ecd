"""Security headers stand on every response: answers, streams, refusals, pages, and what nobody foresaw."""

from collections.abc import Callable

import httpx
import pytest

from app import headers
from app.api import create_app
from tests.unit.app.conftest import World


async def broken(world: World) -> httpx.Response:
    """Something that no code of ours expects."""
    object.__setattr__(world.tutor, "terms", None)
    return await world.http.get("/v1/terms")


RESPONSES: dict[str, Callable] = {
    "an answer": lambda world: world.ask(),
    "a stream": lambda world: world.ask(stream=True),
    "a refusal": lambda world: world.ask("HARMWORD"),
    "no key": lambda world: world.http.get("/v1/models", headers={"authorization": ""}),
    "no route": lambda world: world.http.get("/nothing"),
    "no method": lambda world: world.http.put("/v1/terms"),
    "bad query": lambda world: world.http.get("/v1/review?limit=x"),
    "the page": lambda world: world.http.get("/docs"),
    "the document": lambda world: world.http.get("/openapi.json"),
    "health": lambda world: world.http.get("/healthz"),
    "a fault": broken,
}


@pytest.mark.parametrize("name", RESPONSES)
async def test_every_response_carries_them(world: World, name: str) -> None:
    answer = await RESPONSES[name](world)
    assert {field: answer.headers.get(field) for field in headers.ALWAYS} == headers.ALWAYS
    assert "server" not in answer.headers
    assert not [field for field in answer.headers if field.startswith("access-control-")]
    assert "strict-transport-security" not in answer.headers


async def test_a_refused_query_speaks_openai(world: World) -> None:
    answer = await world.http.get("/v1/review?limit=x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


async def test_a_fault_tells_nothing_of_its_cause(world: World) -> None:
    answer = await broken(world)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "internal_error")
    assert int(answer.headers["retry-after"]) > 0
    assert "NoneType" not in answer.text


async def test_browsers_are_held_to_tls_only_where_it_stands_in_front(world: World) -> None:
    app = create_app(world.tutor, world.counts, None, behind_tls=True)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://test") as client:
        for path in ("/healthz", "/nothing", "/docs"):
            assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"


async def test_a_stream_is_not_held_back() -> None:
    """Each part of a body is passed on before the next is asked for."""
    events: list[str] = []

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"x"), (b"a", b"1")]})
        for part in (b"1", b"2"):
            events.append("made")
            await send({"type": "http.response.body", "body": part, "more_body": part == b"1"})

    async def send(message) -> None:
        events.append(message["type"].rpartition(".")[2])
        if message["type"] == "http.response.start":
            assert dict(message["headers"]).keys() == {b"a"} | {name.encode() for name in headers.ALWAYS}

    await headers.SecurityHeaders(app, headers.ALWAYS)({"type": "http"}, None, send)  # type: ignore[arg-type]
    assert events == ["start", "made", "body", "made", "body"]


async def test_other_sites_get_no_leave_to_read(world: World) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = await world.http.options("/v1/chat/completions", headers=asked)
    assert preflight.status_code == 405
    assert not [field for field in preflight.headers if field.startswith("access-control-")]


async def test_too_many_or_too_long_headers_are_431(world: World) -> None:
    for sent in ({f"x-{n}": "1" for n in range(101)}, {"x-long": "a" * 33_000}):
        answer = await world.http.get("/v1/models", headers=sent)
        assert (answer.status_code, answer.json()["error"]["code"]) == (431, "headers_too_large")
