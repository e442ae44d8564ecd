"""The page over the real application on a real log, with a scripted model and scorer, behind a real HTTP server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvicorn

from app.settings import Limits
from tests.unit.app.conftest import World


@dataclass
class Site:
    """Where it is, and the world behind it."""

    url: str
    world: World


@contextlib.asynccontextmanager
async def served(world: World, port: int = 0) -> AsyncIterator[Site]:
    """Until the block ends; the control log is followed as the Gateway does."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(world.app(), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    following = asyncio.ensure_future(world.view.follow())
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", world)
    finally:
        server.should_exit = True
        following.cancel()
        await asyncio.gather(serving, following, return_exceptions=True)
        listener.close()


def patient() -> Limits:
    """Limits under which a loaded machine is no fault."""
    return Limits(guard_timeout_s=60, deadline_s=300)
