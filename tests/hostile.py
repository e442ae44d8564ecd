"""Hostile clients: bytes that no library sends, and which statuses a server may answer. 0 is: closed without a word."""

import asyncio
import contextlib
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
SOON_S = 3.0
DRIP_S = 10.0
CHUNK = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
CHUNKED = "Transfer-Encoding: chunked"
REFUSED = frozenset({400, 0})
HEAD_REFUSED = frozenset({400, 431, 0})


@dataclass(frozen=True, slots=True)
class Target:
    """A server, a learner's key, the model to ask for how many tokens, and how long an answer's status may take."""

    host: str
    port: int
    key: str
    model: str
    max_tokens: int = 64
    wait_s: float = 20.0

    def head(self, method: str, path: str, *fields: str) -> bytes:
        """A request's head."""
        lines = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}", *fields, "", "")
        return "\r\n".join(lines).encode()

    def chat(self, body: bytes, *fields: str) -> bytes:
        """A question with this body, whatever it is."""
        length = f"Content-Length: {len(body)}"
        return self.head("POST", "/v1/chat/completions", "Content-Type: application/json", length, *fields) + body

    def question(self, *, stream: bool) -> bytes:
        """An honest question."""
        asked = {
            "model": self.model,
            "messages": [{"role": "user", "content": "What is TLS?"}],
            "max_tokens": self.max_tokens,
        }
        return self.chat(json.dumps(asked | {"stream": stream}).encode(), "Connection: close")

    def raw(self, *fields: str, body: bytes = b"") -> bytes:
        """A question whose framing is given by hand."""
        return self.head("POST", "/v1/chat/completions", *fields) + body


SMUGGLED = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

SHAPES: dict[str, tuple[Callable[[Target], bytes], frozenset[int]]] = {
    "10,000 fields": (lambda to: to.head("GET", "/v1/models", *(f"x-{n}: 1" for n in range(10_000))), HEAD_REFUSED),
    "a field of 1 MiB": (lambda to: to.head("GET", "/v1/models", "x-long: " + "a" * 2**20), HEAD_REFUSED),
    "a space before the colon": (lambda to: to.raw("Content-Length : 5", body=b"abcde"), REFUSED),
    "a NUL in a field": (lambda to: to.head("GET", "/v1/models", "x-nul: a\0b"), REFUSED),
    "two lengths": (lambda to: to.raw("Content-Length: 5", "Content-Length: 50", body=SMUGGLED), REFUSED),
    "a negative length": (lambda to: to.raw("Content-Length: -1", body=SMUGGLED), REFUSED),
    "length and chunked": (
        lambda to: to.raw("Content-Length: 5", CHUNKED, body=SMUGGLED),
        REFUSED,
    ),
    "chunked and length": (
        lambda to: to.raw(CHUNKED, "Content-Length: 5", body=SMUGGLED),
        REFUSED,
    ),
    "an unknown coding": (lambda to: to.raw("Transfer-Encoding: xchunked", body=SMUGGLED), REFUSED),
    "chunked, then identity": (lambda to: to.raw("Transfer-Encoding: chunked, identity", body=SMUGGLED), REFUSED),
    "a chunk of no size": (lambda to: to.raw(CHUNKED, body=b"zz\r\nab\r\n"), REFUSED),
    "a greeting of TLS": (lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), REFUSED),
    "an unknown method": (lambda to: to.head("BREW", "/v1/models", "Connection: close"), frozenset({400, 405})),
    "a way up": (lambda to: to.head("GET", "/v1/../../etc/passwd", "Connection: close"), frozenset({400, 404})),
    "not JSON": (lambda to: to.chat(b"{", "Connection: close"), frozenset({400})),
    "not UTF-8": (lambda to: to.chat(b'{"model": "\xff"}', "Connection: close"), frozenset({400})),
    "100,000 brackets": (lambda to: to.chat(b"[" * 100_000, "Connection: close"), frozenset({400})),
    "a body of 2 MB": (lambda to: to.chat(b'"' + b"a" * 2_000_000, "Connection: close"), frozenset({413})),
    "a length of 2 GB": (lambda to: to.raw("Content-Length: 2000000000", body=b"a" * 2_000_000), frozenset({413})),
}

SMUGGLING = frozenset({"two lengths", "a negative length", "length and chunked", "chunked and length",
                       "an unknown coding", "chunked, then identity"})  # fmt: skip
"""Shapes with a second request inside, which must never have an answer."""


async def statuses(to: Target, sent: bytes, count: int = 1) -> list[int]:
    """The statuses that come, at most `count`, and of those after the first only what comes soon; 0 where the
    connection ends before any. TimeoutError if nothing comes."""
    reader, writer = await asyncio.open_connection(to.host, to.port)
    got, found = b"", list[int]()
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(sent)
        while len(found) < count:
            try:
                async with asyncio.timeout(SOON_S if found else to.wait_s):
                    part = await _read(reader)
            except TimeoutError:
                if not found:
                    raise
                break
            got += part
            found = [int(status) for status in STATUS.findall(got)]
            if not part:
                return found or [0]
    finally:
        writer.transport.abort()
    return found


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""


async def endless(to: Target) -> tuple[int, int]:
    """A chunked body without an end: the status, and how many bytes were taken before it came."""
    reader, writer = await asyncio.open_connection(to.host, to.port)
    writer.write(to.raw(CHUNKED))
    sent, answer = 0, asyncio.ensure_future(_read(reader))
    try:
        async with asyncio.timeout(to.wait_s):
            while not answer.done():
                with contextlib.suppress(ConnectionError):
                    writer.write(CHUNK)
                    await writer.drain()
                sent += len(CHUNK)
                await asyncio.sleep(0.001)
        found = STATUS.search(answer.result())
        return int(found[1]) if found else 0, sent
    finally:
        answer.cancel()
        writer.transport.abort()


async def slow_body(to: Target, wait_s: float) -> int:
    """A body of which one byte comes: the status, within so long."""
    reader, writer = await asyncio.open_connection(to.host, to.port)
    try:
        writer.write(to.raw("Content-Length: 100", body=b"{"))
        async with asyncio.timeout(wait_s):
            found = STATUS.search(await _read(reader))
        return int(found[1]) if found else 0
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def slow_heads(to: Target, count: int) -> AsyncIterator[None]:
    """Connections whose head never ends (slow-loris), each a byte further now and then."""
    held = [await asyncio.open_connection(to.host, to.port) for _ in range(count)]
    for _, writer in held:
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nx-slow: ")

    async def drip() -> None:
        while True:
            for _, writer in held:
                writer.write(b"a")
            await asyncio.sleep(DRIP_S)

    dripping = asyncio.ensure_future(drip())
    try:
        yield
    finally:
        dripping.cancel()
        for _, writer in held:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def idle_streams(to: Target, count: int, at_once: int = 100) -> AsyncIterator[Counter[int]]:
    """Streamed questions whose clients read the status and then nothing more: how many got which."""
    held, gate, seen = list[asyncio.StreamWriter](), asyncio.Semaphore(at_once), Counter[int]()

    async def one() -> None:
        async with gate:
            reader, writer = await asyncio.open_connection(to.host, to.port)
            held.append(writer)
            writer.write(to.question(stream=True))
        found = STATUS.match(await _read(reader))
        seen[int(found[1]) if found else 0] += 1
        if not found or found[1] != b"200":
            writer.transport.abort()  # who is refused holds no socket

    try:
        await asyncio.gather(*(one() for _ in range(count)))
        yield seen
    finally:
        for writer in held:
            writer.transport.abort()


async def answered_in(to: Target) -> float:
    """Seconds until an honest question has its status; AssertionError unless that is 200."""
    began = time.monotonic()
    assert await statuses(to, to.question(stream=False)) == [200]
    return time.monotonic() - began
