"""From tokens to pieces of text: whole characters only, and nothing from a stop string on."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from deployments.chat import ChatFormat, Detokenizer
from deployments.generation import Piece, Sampling, StopWords


async def worded(tokens: AsyncGenerator[int], chat: ChatFormat, sampling: Sampling) -> AsyncGenerator[Piece]:
    """Pieces as tokens come; the last has finish_reason "stop" or "length". Closes `tokens` when it has enough."""
    text, stop, count = Detokenizer(chat), StopWords(sampling.stop), 0
    async with aclosing(tokens):
        async for token in tokens:
            if token in chat.stop_ids:
                yield Piece(stop.push(text.flush())[0] + stop.flush(), count, "stop")
                return
            count += 1
            out, met = stop.push(text.push(token))
            if met:
                yield Piece(out, count, "stop")
                return
            if count == sampling.max_tokens:
                rest, met = stop.push(text.flush())
                yield Piece(out + rest if met else out + rest + stop.flush(), count, "stop" if met else "length")
                return
            if out:
                yield Piece(out, count)
