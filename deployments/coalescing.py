"""How a stream of small pieces travels between processes: each costs some 0.2 ms, so they go together."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from deployments.generation import Piece
from guards.stream import Windows

COALESCE_S = 0.25  # a whole window goes at once; what is none yet waits at most so long


async def coalesced(
    pieces: AsyncGenerator[Piece], clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[Piece]:
    """The same text in fewer pieces: one goes when a window is whole that the guard can judge, or after COALESCE_S."""
    windows, text, since = Windows(), "", clock()
    async with aclosing(pieces):
        async for piece in pieces:
            text += piece.text
            whole = windows.push(piece.text)
            if whole or piece.finish_reason or clock() - since > COALESCE_S:
                yield Piece(text, piece.tokens, piece.finish_reason)
                text, since = "", clock()
