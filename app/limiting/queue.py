"""The fair queue in front of the Model: a stream holds a slot from its start to its end, the others wait their turn.

What would wait too long is refused at once, before the graph is full. No fault of the client's, so it is a 503.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.auth import Principal
from app.errors import Fault
from app.limiting.lines import Lines
from app.settings import Limits

WEIGHT = 0.2  # of the newest stream in the mean of how long one takes

Ticket = asyncio.Future[None]


class Slot:
    """A slot that is held after `waited_s`; it may be given back before its holder's end, and is given back once."""

    def __init__(self, end: Callable[[], None], waited_s: float) -> None:
        self._end: Callable[[], None] | None = end
        self.waited_s = waited_s

    def free(self) -> None:
        """Pass the slot on; the second time nothing happens."""
        end, self._end = self._end, None
        if end:
            end()


class FairQueue:
    """The slots of one Gateway; several Gateways share those of the graph evenly."""

    def __init__(self, limits: Limits, gateways: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._slots = self._free = max(1, limits.streams // gateways)
        self._lines: Lines[Ticket] = Lines()
        self._stream_s = 0.0

    @property
    def waiting(self) -> int:
        """Who waits now."""
        return len(self._lines)

    @property
    def running(self) -> int:
        """Slots that are taken."""
        return self._slots - self._free

    def require_room(self, who: Principal) -> None:
        """Raise a Fault `overloaded` for whom a slot would not be free soon enough."""
        wait_s = self._expected_s(who)
        full = not self._free and self.waiting >= self._limits.queue
        if wait_s > self._limits.queue_wait_s or (full and self._lines.victim(who.tenant, _person(who)) is None):
            raise _overloaded(wait_s)

    @asynccontextmanager
    async def slot(self, who: Principal) -> AsyncIterator["Slot"]:
        """Hold a slot; waits for it no longer than `queue_wait_s`. Raises a Fault `overloaded`."""
        came = self._clock()
        await self._turn(who)
        began = self._clock()

        def end() -> None:
            self._stream_s += WEIGHT * (self._clock() - began - self._stream_s)
            self._pass_on()

        slot = Slot(end, began - came)
        try:
            yield slot
        finally:
            slot.free()

    async def _turn(self, who: Principal) -> None:
        if self._free:
            self._free -= 1
            return
        self.require_room(who)
        if self.waiting >= self._limits.queue:
            self._make_room(who)
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._lines.join(who.tenant, _person(who), ticket)
        try:
            async with asyncio.timeout(self._limits.queue_wait_s):
                await ticket
        except BaseException as error:
            self._lines.leave(who.tenant, _person(who), ticket)
            if ticket.done() and not ticket.cancelled() and ticket.exception() is None:
                self._pass_on()  # the slot came just as its holder went
            if isinstance(error, TimeoutError):
                raise _overloaded(self._limits.queue_wait_s) from None
            raise

    def _make_room(self, who: Principal) -> None:
        victim = self._lines.victim(who.tenant, _person(who))
        if victim:
            self._lines.drop(*victim).set_exception(_overloaded(self._expected_s(who)))

    def _pass_on(self) -> None:
        """A slot is free: to whoever's turn it is, else to whoever comes."""
        ticket = self._lines.serve()
        while ticket and ticket.done():  # gave up, and has not run since
            ticket = self._lines.serve()
        if ticket:
            ticket.set_result(None)
        else:
            self._free += 1

    def _expected_s(self, who: Principal) -> float:
        if self._free:
            return 0.0
        return (self._lines.ahead(who.tenant, _person(who)) + 1) * self._stream_s / self._slots


def _person(who: Principal) -> str:
    return f"{who.role} {who.subject}"


def _overloaded(wait_s: float) -> Fault:
    return Fault("more is asked than can be answered now", code="overloaded", retry_after_s=max(1, math.ceil(wait_s)))
