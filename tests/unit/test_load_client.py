"""The learner of load tests: what it hears from a tutor, and from servers that break off anywhere."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.hostile import Target
from tests.listening import LIMITS, listening
from tests.load_client import Asked, Tutor, ask, content_of_a_piece
from tests.unit.app.conftest import World

TEXT = "Ünïcode, one. Two. "


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp_path, LIMITS)
    await made.accept()
    return made


def at(target: Target) -> Tutor:
    return Tutor.at(f"http://{target.host}:{target.port}", "tiny")


async def test_an_answer_a_refusal_and_a_lesson_are_heard_as_they_are_logged(world: World) -> None:
    async with listening(world) as target:
        heard = [await ask(at(target), target.key, Asked("k", text)) for text in ("TLS?", "HARMWORD", "LABWORD")]
    assert [one.outcome for one in heard] == ["answered", "refused", "answered"]
    assert [one.action for one in heard] == ["ALLOW", "REFUSE", "TEACH"]
    assert heard[0].text == world.model.text
    assert [len(one.receipts) for one in heard] == [1, 1, 1]
    for one in heard:
        assert one.request_id
        assert one.sent_at
        assert one.first_at
        assert one.ended_at
        assert one.intended_at <= one.sent_at <= one.first_at <= one.ended_at
    told = json.dumps(heard[0].to_json())
    assert world.model.text[:12] not in told
    assert json.loads(told)["digest"] == sha256(world.model.text.encode()).hexdigest()


async def test_latency_counts_from_when_it_was_meant_to_leave(world: World) -> None:
    async with listening(world) as target:
        late = await ask(at(target), target.key, Asked("k", "TLS?"), at=time.monotonic() - 7)
        began = time.monotonic()
        waited = await ask(at(target), target.key, Asked("k", "TLS?"), at=began + 0.3)
    assert late.first_s
    assert late.first_s > 7
    assert waited.sent_at
    assert waited.sent_at >= began + 0.3


async def test_no_key_no_server_and_no_answer_are_told_not_raised(world: World) -> None:
    async with listening(world) as target:
        unknown = await ask(at(target), "nobody", Asked("k", "TLS?"))
        world.scorer.hang = True
        silent = await ask(at(target), target.key, Asked("k", "TLS?"), timeout_s=0.3)
        world.model.fails_after = 0
        world.scorer.hang = False
        fault = await ask(at(target), target.key, Asked("k", "TLS?"))
    nobody = await ask(at(target), target.key, Asked("k", "TLS?"))
    assert (unknown.outcome, unknown.status, unknown.code) == ("error", 401, "invalid_api_key")
    assert (silent.outcome, silent.failure) == ("unreachable", "TimeoutError")
    assert (fault.outcome, fault.code) == ("unavailable", "model_unavailable")
    assert (nobody.outcome, nobody.failure) == ("unreachable", "ConnectionRefusedError")


@asynccontextmanager
async def saying(answer: bytes, *, reset: bool = False) -> AsyncIterator[Tutor]:
    """A server that says this to whatever it is asked, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.transport.abort() if reset else writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Tutor.at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def stream(text: str) -> bytes:
    """A whole stream of one window."""
    frames = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]},
              {"choices": [{"delta": {}, "finish_reason": "stop"}]}]  # fmt: skip
    body = "".join(f"data: {json.dumps(frame, ensure_ascii=False)}\n\n" for frame in frames).encode()
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


async def test_wherever_a_stream_is_cut_its_text_is_what_came_of_it() -> None:
    whole = stream(TEXT)
    for end in range(len(whole)):
        async with saying(whole[:end]) as tutor:
            heard = await ask(tutor, "key", Asked("k", "?"))
        assert heard.outcome in {"broken", "unreachable"}, end
        assert heard.failure == "cut", end
        assert TEXT.startswith(heard.text), end
        text_is_there = whole.index(TEXT.encode()) + len(TEXT.encode())
        assert end < text_is_there or heard.text == TEXT, end
    async with saying(whole) as tutor:
        heard = await ask(tutor, "key", Asked("k", "?"))
    assert (heard.outcome, heard.text, heard.windows) == ("answered", TEXT, 1)


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_what_is_not_http_is_unreadable(answer: bytes) -> None:
    async with saying(answer) as tutor:
        heard = await ask(tutor, "key", Asked("k", "?"))
    assert heard.failure == "unreadable"


def test_a_piece_of_a_frame_is_read_as_far_as_it_goes() -> None:
    frame = json.dumps({"choices": [{"delta": {"content": 'a "q" ü\n'}}]})
    assert content_of_a_piece(frame) == 'a "q" ü\n'
    assert content_of_a_piece(frame[: frame.index("\\u00fc") + 3]) == 'a "q" '
    assert content_of_a_piece(frame[:8]) == ""
