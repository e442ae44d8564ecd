"""The way between clients and the tutor: a TCP proxy whose faults are those of a bad network."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

PIECE = 16_384
LOST_EVERY = 5  # pieces
AGAIN_AFTER_S = 0.2  # Linux's shortest wait before it sends a lost segment again
ERRORS = (OSError, asyncio.IncompleteReadError)


class Link:
    """Listens on a port of the loopback. All of it lives in one event loop; `set` may be called from another thread."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.delay_s = 0.0
        self.loses = False
        self.is_down = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:  # fmt: skip
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection that stands."""
        for writer in list(self._writers):
            _reset(writer)

    def stall(self) -> None:
        """Nothing passes until `go_on`; connections stay."""
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._known(writer):
            if self.is_down:
                return
            with suppress(*ERRORS, asyncio.CancelledError):  # at the end of the loop: nobody waits for it
                there, back = await asyncio.open_connection(*self._to)
                with self._known(back):
                    await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while data := await reader.read(PIECE):
            number += 1
            await self._open.wait()
            if wait_s := self.delay_s + AGAIN_AFTER_S * (self.loses and number % LOST_EVERY == 0):
                await asyncio.sleep(wait_s)
            writer.write(data)
            await writer.drain()
        with suppress(*ERRORS):
            writer.write_eof()

    @contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            _reset(writer) if self.is_down else writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """With an RST, not with a FIN: nothing was said to the end."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
