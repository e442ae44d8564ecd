"""The application at a real socket, under the server and the settings that Ray's proxy uses."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn

from app.settings import Limits
from tests.hostile import Target
from tests.unit.app.conftest import World

LIMITS = Limits(body_timeout_s=5, guard_timeout_s=10, deadline_s=60, queue_wait_s=60, requests_per_minute=100_000)


@contextlib.asynccontextmanager
async def listening(world: World) -> AsyncIterator[Target]:
    """A world behind uvicorn, as ray.serve._private.http_util starts it."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as sock:
        server = uvicorn.Server(
            uvicorn.Config(world.app(), timeout_keep_alive=90, lifespan="off", access_log=False, log_config=None)
        )
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]  # the tests' own stay
        loops = [asyncio.ensure_future(server.serve(sockets=[sock])), asyncio.ensure_future(world.view.follow())]
        try:
            yield Target("127.0.0.1", sock.getsockname()[1], world.key(), "tiny")
        finally:
            server.should_exit = server.force_exit = True
            await loops[0]
            loops[1].cancel()


async def somebody_else(world: World) -> str:
    """The key of a learner of another tenant who accepted the terms."""
    key = world.key("bob", tenant="elsewhere")
    await world.view.refresh()
    sent = {"authorization": f"Bearer {key}"}
    answer = await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=sent)
    assert answer.status_code == 200, answer.text
    return key
