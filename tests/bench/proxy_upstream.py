"""A chat model behind an OpenAI interface that answers at once, always the same: what a proxy is measured before.

    python -m tests.bench.proxy_upstream PORT

Written on asyncio alone, so that the proxy's own work is nearly all that is seen.
"""

import asyncio
import json
import sys
from collections.abc import Sequence

ANSWER = (
    "A firewall looks at each packet and lets through what its rules allow. It keeps a table of open connections, so "
    "that an answer finds its way back. It does not see what travels inside an encrypted connection."
)
PIECES = tuple(ANSWER[at : at + 16] for at in range(0, len(ANSWER), 16))
MODEL = "smollm2-135m-instruct"


def whole() -> bytes:
    """The answer to a request that does not stream."""
    message = {"role": "assistant", "content": ANSWER}
    usage = {"prompt_tokens": 20, "completion_tokens": len(PIECES), "total_tokens": 20 + len(PIECES)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return _response(json.dumps(made | {"choices": [choice], "usage": usage}).encode(), "application/json")


def streamed() -> bytes:
    """The answer to one that does, as server-sent events: chunked, since that is how servers send them."""
    made = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    deltas = [({"role": "assistant", "content": ""}, None), *(({"content": piece}, None) for piece in PIECES)]
    choices = [{"index": 0, "delta": delta, "finish_reason": end} for delta, end in [*deltas, ({}, "stop")]]
    events = [b"data: " + json.dumps(made | {"choices": [choice]}).encode() + b"\n\n" for choice in choices]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in [*events, b"data: [DONE]\n\n"])
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


def _response(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def serve(port: int) -> None:
    """Answer until killed."""
    plain, events = whole(), streamed()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                writer.write(events if json.loads(body or b"{}").get("stream") else plain)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve on the port that is given."""
    (port,) = sys.argv[1:] if arguments is None else arguments
    asyncio.run(serve(int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
