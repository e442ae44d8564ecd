"""Shares one encoder among requests: one thread that serves them in turn, a window at a time. Free of Ray.

So a long text holds nobody up for longer than a window each turn; a window that several requests wait for is scored
once for all; and what nobody waits for any more is not scored.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from guards.encoder import Window
from guards.errors import GuardFault
from guards.scores import Scores, worst

_CUT_CHARS = 4000  # are cut between two windows, about 1 ms, so that short requests soon wait beside each other


class WindowScorer(Protocol):
    """What the queue asks of an encoder; called in the queue's thread only."""

    def windows(self, text: str) -> tuple[Window, ...]:
        """The windows of a text, at least one."""
        ...

    def score_window(self, window: Window) -> Scores:
        """Scores of one window."""
        ...


@dataclass(slots=True, eq=False)
class _Request:
    """One call. Texts are cut into windows first; then `open` shrinks while `found` grows."""

    texts: Sequence[str]
    answer: asyncio.Future[list[Scores]]
    cut: list[tuple[Window, ...]] = field(default_factory=list)
    open: dict[Window, None] = field(default_factory=dict)
    found: dict[Window, Scores] = field(default_factory=dict)

    @property
    def scores(self) -> list[Scores]:
        return [worst(self.found[window] for window in windows) for windows in self.cut]


class EncoderQueue:
    """Call `score` from any event loop, `close` at the end. A caller that is cancelled gives up its place."""

    def __init__(self, encoder: WindowScorer) -> None:
        self._encoder = encoder
        self._inbox: SimpleQueue[_Request | None] = SimpleQueue()
        self._door = threading.Lock()  # nothing follows the None that closes the inbox
        self._closed = False
        # the rest belongs to the thread
        self._uncut: deque[_Request] = deque()
        self._waiting: deque[_Request] = deque()
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether anybody works on what is asked."""
        return self._thread.is_alive()

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """One Scores per text, the worst over its windows. Whatever the encoder raises about these texts comes
        through; GuardFault when the queue is closed."""
        if not texts:
            return []
        request = _Request(texts, asyncio.get_running_loop().create_future())
        with self._door:
            if self._closed:
                raise _closed()
            self._inbox.put(request)
        return await request.answer

    def close(self) -> None:
        """Stop after the window at hand; whoever still waits gets a GuardFault."""
        with self._door:
            self._closed = True
            self._inbox.put(None)
        self._thread.join()

    def _work(self) -> None:
        while self._receive():
            self._cut_some()
            self._score_next()
        for request in (*self._uncut, *self._waiting):
            _settle(request, _closed())

    def _receive(self) -> bool:
        """Take what has come, waiting for it only when there is nothing else to do; False at the end."""
        idle = not self._uncut and not self._waiting
        while idle or not self._inbox.empty():
            request, idle = self._inbox.get(), False
            if request is None:
                return False
            self._uncut.append(request)
        return True

    def _cut_some(self) -> None:
        """Cut texts in turn, the last of them as long as it may be."""
        budget = _CUT_CHARS
        while self._uncut and budget > 0:
            budget -= self._cut_one(self._uncut.popleft())
        self._uncut.rotate(-1)

    def _cut_one(self, request: _Request) -> int:
        """Cut the next text of a request, which then waits when that was its last; how long the text was."""
        if request.answer.done():
            return 0
        text = request.texts[len(request.cut)]
        try:
            windows = self._encoder.windows(text)
        except Exception as error:  # noqa: BLE001 it belongs to whoever asked
            _settle(request, error)
            return 0
        request.cut.append(windows)
        request.open |= dict.fromkeys(windows)
        if len(request.cut) < len(request.texts):
            self._uncut.appendleft(request)
        else:
            self._waiting.append(request)
        return len(text)

    def _score_next(self) -> None:
        """Score one window of the request whose turn it is, for all that wait for this window."""
        if not self._waiting:
            return
        turn = self._waiting.popleft()
        if turn.answer.done():
            return
        window = next(iter(turn.open))
        try:
            scores = self._encoder.score_window(window)
        except Exception as error:  # noqa: BLE001 it belongs to whoever asked
            _settle(turn, error)
            return
        self._waiting.append(turn)
        for request in self._waiting:
            if window in request.open:
                del request.open[window]
                request.found[window] = scores
                if not request.open:
                    _settle(request, request.scores)
        self._waiting = deque(request for request in self._waiting if request.open)


def _closed() -> GuardFault:
    return GuardFault("expected an open encoder queue, got a closed one")


def _settle(request: _Request, outcome: list[Scores] | Exception) -> None:
    """Hand the outcome to the caller's event loop, unless either is gone."""

    def put() -> None:
        if request.answer.done():
            return
        if isinstance(outcome, Exception):
            request.answer.set_exception(outcome)
        else:
            request.answer.set_result(outcome)

    with suppress(RuntimeError):  # its loop is closed
        request.answer.get_loop().call_soon_threadsafe(put)
