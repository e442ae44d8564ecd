"""Pieces of a stream that travel together."""

import itertools
from collections.abc import AsyncGenerator

from hypothesis import given
from hypothesis import strategies as st

from deployments.coalescing import COALESCE_S, coalesced
from deployments.generation import Piece
from guards.stream import Windows

TEXT = "A firewall looks at what passes between two networks. It lets through what a rule allows. Nothing else gets by."


class Clock:
    """A second hand that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def pieces(texts: list[str], clock: Clock, step_s: float, closed: list[int]) -> AsyncGenerator[Piece]:
    try:
        for count, text in enumerate(texts, 1):
            clock.now += step_s
            yield Piece(text, count, "stop" if count == len(texts) else None)
    finally:
        closed.append(1)


async def sent(texts: list[str], step_s: float = 0.0) -> list[Piece]:
    clock = Clock()
    return [piece async for piece in coalesced(pieces(texts, clock, step_s, []), clock)]


@given(st.lists(st.text(max_size=9), min_size=1, max_size=40), st.sampled_from([0.0, 0.1, 1.0]))
async def test_text_counts_and_ending_are_kept(texts, step_s) -> None:
    came = await sent(texts, step_s)
    assert "".join(piece.text for piece in came) == "".join(texts)
    assert (came[-1].tokens, came[-1].finish_reason) == (len(texts), "stop")
    assert [piece.finish_reason for piece in came[:-1]] == [None] * (len(came) - 1)
    assert all(piece.tokens < after.tokens for piece, after in itertools.pairwise(came))


async def test_a_window_goes_as_soon_as_it_is_whole() -> None:
    came = await sent([f"{word} " for word in TEXT.split()])
    windows = Windows()
    assert [bool(windows.push(piece.text)) for piece in came[:-1]] == [True, True]
    assert len(came) == 3


async def test_what_is_no_window_yet_waits_no_longer_than_it_may() -> None:
    came = await sent(["a"] * 20, step_s=COALESCE_S / 4)
    assert [len(piece.text) for piece in came] == [5, 5, 5, 5]


async def test_closing_it_closes_what_it_reads() -> None:
    closed: list[int] = []
    stream = coalesced(pieces(["One sentence of six whole words. ", "x", "y"], Clock(), 9.0, closed), Clock())
    await anext(stream)
    await stream.aclose()
    assert closed == [1]
