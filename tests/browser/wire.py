"""A wire to a server, which can be cut, taken down and put up again: what a browser sees of a network or a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Wire:
    """Listens at an address of its own, and passes bytes on."""

    def __init__(self, to: str) -> None:
        self._host, self._port = urlsplit(to).hostname, urlsplit(to).port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """At the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """What is open breaks; what comes next goes through."""
        for writer in list(self._open):
            writer.transport.abort()

    def down(self) -> None:
        """What is open breaks, and nobody listens."""
        if self._server:
            self._server.close()
        self.cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        ends = (writer, far_writer)
        self._open.update(ends)
        passing = [asyncio.ensure_future(_pass(reader, far_writer)), asyncio.ensure_future(_pass(far_reader, writer))]
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for task in passing:
            task.cancel()
        for end in ends:
            end.close()
            self._open.discard(end)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()


@contextlib.asynccontextmanager
async def wired(to: str) -> AsyncIterator[Wire]:
    """Until the block ends."""
    wire = Wire(to)
    await wire.up()
    try:
        yield wire
    finally:
        wire.down()
