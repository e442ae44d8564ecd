"""Counts in this process, for one Gateway. The clock is passed in.

A storage of our own under the library's strategies: its MemoryStorage goes by the wall clock, and at every hit looks
through all keys, on threads.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from limits.aio.storage import MovingWindowSupport, Storage

from app.limiting.bounds import Bound
from app.limiting.counts import Counts


class ProcessStorage(Storage, MovingWindowSupport):
    """Moving windows, exact to the tick, and fixed windows that begin with their first hit; forgets what has ended.

    All windows are equally long, so that they end in the order in which they began.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._moving: dict[str, deque[float]] = {}  # when each hit stops to count
        self._fixed: dict[str, tuple[int, float]] = {}  # how many hits, and when the window ends
        self._ends: deque[tuple[float, str]] = deque()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the library would wrap; nothing here fails."""
        return ArithmeticError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits, unless a window of `expiry` seconds would then hold more than `limit`."""
        now = self._forget()
        if len(self._moving.get(key, ())) + amount > limit:
            return False
        self._moving.setdefault(key, deque()).extend([now + expiry] * amount)
        self._ends.append((now + expiry, key))
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest hit of the window was, and how many there are."""
        now = self._forget()
        ends = self._moving.get(key)
        return (ends[0] - expiry, len(ends)) if ends else (now, 0)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a fixed window, over any bound too."""
        now = self._forget()
        count, end = self._fixed.get(key, (0, now + expiry))
        if not count:
            self._ends.append((end, key))
        self._fixed[key] = count + amount, end
        return count + amount

    async def get(self, key: str) -> int:
        """What a fixed window holds."""
        self._forget()
        return self._fixed.get(key, (0, 0.0))[0]

    async def get_expiry(self, key: str) -> float:
        """When a fixed window ends; now if none runs."""
        now = self._forget()
        return self._fixed.get(key, (0, now))[1]

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._moving.pop(key, None)
        self._fixed.pop(key, None)

    async def reset(self) -> int | None:
        """Forget all; how many keys there were."""
        known = len(self)
        self._moving.clear()
        self._fixed.clear()
        self._ends.clear()
        return known

    async def check(self) -> bool:
        """Memory is there."""
        return True

    def __len__(self) -> int:
        return len(self._moving) + len(self._fixed)

    def _forget(self) -> float:
        """Drop what has ended, each once; the time."""
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, key = self._ends.popleft()
            if self._fixed.get(key, (0, now + 1))[1] <= now:
                del self._fixed[key]
            ends = self._moving.get(key, deque())
            while ends and ends[0] <= now:
                ends.popleft()
            if not ends:
                self._moving.pop(key, None)
        return now


@dataclass(slots=True)
class ProcessLeases:
    """Each party's leases; they end with the process, so none of them lapses."""

    _taken: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    async def take(self, lease: str, bounds: Sequence[Bound], seconds: float) -> Bound | None:
        """See Leases."""
        for bound in bounds:
            if len(self._taken.get((bound.policy, bound.party), ())) >= bound.amount:
                return bound
        for bound in bounds:
            self._taken.setdefault((bound.policy, bound.party), set()).add(lease)
        return None

    async def give_back(self, lease: str, bounds: Sequence[Bound]) -> None:
        """See Leases."""
        for bound in bounds:
            held = self._taken.get((bound.policy, bound.party), set())
            held.discard(lease)
            if not held:
                self._taken.pop((bound.policy, bound.party), None)

    def __len__(self) -> int:
        return len(self._taken)


def in_process(clock: Callable[[], float]) -> Counts:
    """Counts that only this process knows."""
    return Counts(ProcessStorage(clock), ProcessLeases(), clock)
