"""Carries the alerts of one queue to its receiver, in a thread of its own: nobody waits for a receiver."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from audit.monitoring.alert import Alert
from audit.monitoring.errors import NotDelivered
from audit.monitoring.outbox import Queue

FIRST_S, LONGEST_S = 1.0, 300.0
Send = Callable[[Sequence[Alert]], Mapping[str, str]]
"""Hands alerts over: why which were not taken, by id. NotDelivered if none was looked at."""


@dataclass(slots=True)
class Courier:
    """Hands over at most `batch` alerts at a time. What is not taken is tried again, ever more rarely."""

    name: str
    queue: Queue
    send: Send
    say: Callable[[str], None]
    batch: int = 1
    longest_s: float = LONGEST_S
    _failures: int = 0
    _tries: Counter[str] = field(default_factory=Counter)

    def deliver(self) -> bool:
        """Hand over what waits, least tried first, up to the first failure; whether nothing is left. OSError."""
        # an alert that its receiver will never take must not keep the others
        waiting = sorted(self.queue.waiting(), key=lambda alert: self._tries[alert.id])
        for at in range(0, len(waiting), self.batch):
            alerts = waiting[at : at + self.batch]
            try:
                left = self.send(alerts)
            except NotDelivered as error:
                left = dict.fromkeys((alert.id for alert in alerts), str(error))
            for alert in alerts:
                if alert.id not in left:
                    self.queue.taken(alert.id)
                    self._tries.pop(alert.id, None)
            if left:
                self._keep(left)
                return False
            self._failures = 0
        return True

    def _keep(self, left: Mapping[str, str]) -> None:
        self._tries.update(left.keys())
        self._failures += 1
        first, why = next(iter(left.items()))
        self.say(f"{self.name}: {len(left)} kept, {first} because of {why}")

    def carry(self, until: Callable[[], bool]) -> None:
        """Deliver whatever comes, until told otherwise."""
        while not until():
            self.queue.arrived.clear()
            try:
                done = self.deliver()
            except OSError as error:
                self.say(f"{self.name}: outbox: {error}")
                done, self._failures = False, self._failures + 1
            if done:
                self.queue.arrived.wait(FIRST_S)
            else:
                time.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next try: doubled with each failure, and drawn, so that not all come back at once."""
        longest = min(self.longest_s, FIRST_S * 2.0 ** min(self._failures - 1, 30))
        return random.uniform(longest / 2, longest)  # noqa: S311 - no secret

    def start(self, until: Callable[[], bool]) -> threading.Thread:
        """Carry in a thread that ends with the process."""
        thread = threading.Thread(target=self.carry, args=(until,), name=f"courier {self.name}", daemon=True)
        thread.start()
        return thread
