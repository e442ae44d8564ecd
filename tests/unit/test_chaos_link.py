"""The way of `make prove chaos`'s clients, and its faults: what is cut, silent, slow or down is so, and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.proofs.chaos_link import Link


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def linked() -> AsyncIterator[Link]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Link(*server.sockets[0].getsockname()) as link:
        yield link


async def say(link: Link, times: int = 1) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    heard = b""
    for _ in range(times):
        writer.write(b"word")
        heard += await asyncio.wait_for(reader.readexactly(4), 60)
    writer.close()
    return heard


async def test_what_is_said_comes_back() -> None:
    async with linked() as link:
        assert await say(link, 3) == b"wordwordword"


async def test_a_cut_resets_what_stands_and_the_next_passes() -> None:
    async with linked() as link:
        reader, _ = await asyncio.open_connection("127.0.0.1", link.port)
        await asyncio.sleep(0.1)
        link.cut()
        with pytest.raises(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 60)
        assert await say(link) == b"word"


async def test_a_silent_link_holds_back_and_a_link_that_is_down_takes_nobody() -> None:
    async with linked() as link:
        link.stall()
        waiting = asyncio.create_task(say(link))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        link.go_on()
        assert await waiting == b"word"
        link.is_down = True
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await say(link)
        link.is_down = False
        assert await say(link) == b"word"


async def test_delay_and_loss_cost_time() -> None:
    async with linked() as link:
        began = time.monotonic()
        link.delay_s = 0.1
        await say(link)
        assert time.monotonic() - began >= 0.2  # there and back
        link.delay_s, link.loses, began = 0.0, True, time.monotonic()
        await say(link, 5)
        assert time.monotonic() - began >= 0.4
