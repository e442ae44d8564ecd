"""A monitor at work: records are watched in one thread, rules are asked in another, each receiver has its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.errors import AuditError
from audit.monitoring.alert import Alert
from audit.monitoring.courier import Courier
from audit.monitoring.drift import Shift, shift_rule
from audit.monitoring.metrics import Metrics
from audit.monitoring.outbox import Outbox
from audit.monitoring.round import Ask, Round
from audit.monitoring.watch import Watch

POLL_S = 1.0  # of five seconds that an alert may take
GIVE_UP_S = 30.0  # how long a single run waits for receivers
STANDING = (
    'select count(distinct request_id) as "count", coalesce(epoch(now() - min(ts)), 0) as "oldest" '
    'from alerts where "open"'
)


@dataclass(slots=True)
class Monitor:
    """Everything that one process does. `say` gets a line for whatever goes wrong, once while it stays the same."""

    watch: Watch
    round: Round
    ask: Ask
    outbox: Outbox
    couriers: Sequence[Courier]
    metrics: Metrics
    say: Callable[[str], None]
    shift: Shift | None = None
    _shifted: float = 0.0
    _last: dict[str, str] = field(default_factory=dict)

    def once(self) -> bool:
        """One look, one round, and what can be delivered; whether all could. AuditError, OSError if nothing is read."""
        self.watch.look()
        done = self.examine()
        end = time.monotonic() + GIVE_UP_S
        for courier in self.couriers:  # in daemons: what they do not hand over in time stays in the outbox
            courier.start(lambda: time.monotonic() > end)
        while time.monotonic() < end and any(len(courier.queue) for courier in self.couriers):
            time.sleep(0.1)
        return done and not any(len(courier.queue) for courier in self.couriers)

    def run(self, every_s: float, stopped: threading.Event) -> None:
        """Until stopped: look each second, ask the rules that are due each `every_s`.

        Raises AuditError, OSError when there is nothing to watch, or a part broke.
        """
        self.watch.begin()
        threads = [courier.start(stopped.is_set) for courier in self.couriers]
        threads.append(threading.Thread(target=self._examine_on, args=(every_s, stopped), name="rules", daemon=True))
        threads[-1].start()
        while not stopped.wait(POLL_S):
            self._attempt("logs", self.watch.look)
            if dead := [thread.name for thread in threads if not (thread.is_alive() or stopped.is_set())]:
                raise AuditError(f"expected threads that go on, {', '.join(dead)} ended")  # better none than half of it

    def examine(self) -> bool:
        """Ask the rules that are due, and send what they find; whether all could be asked."""
        found = self.round.run()
        for alert in found.alerts:
            self.send(alert)
        for name, value in found.values.items():
            self.metrics.measured(name, value)
        for name, reason in found.failed.items():
            self._tell(name, reason)
        shifted = self._attempt("embedding", self._measure_shift)
        return self._attempt("open alerts", self._count_open) and shifted and not found.failed

    def send(self, alert: Alert) -> None:
        """Send an alert on its way, unless it is already."""
        if self.outbox.raise_alert(alert):
            self.metrics.raised(alert)

    def _examine_on(self, every_s: float, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self._attempt("rules", self.examine)
            stopped.wait(every_s)

    def _measure_shift(self) -> None:
        rule = shift_rule()
        if self.shift is None or time.time() < self._shifted + rule.every.total_seconds():
            return
        value = self.shift.measure()
        self._shifted = time.time()
        if value is None:
            return
        self.metrics.measured(rule.name, value)
        alert = rule.alert({"about": None, "tenant": None, "subject": None, "value": value}, time.time())
        if alert is not None:
            self.send(alert)

    def _count_open(self) -> None:
        (row,) = self.ask(STANDING)
        self.metrics.standing(row["count"], row["oldest"])

    def _attempt(self, what: str, act: Callable[[], object]) -> bool:
        """Whether it went well; what did not is told and tried again next time."""
        try:
            act()
        except (AuditError, OSError) as error:
            self._tell(what, str(error))
            return False
        self._last.pop(what, None)
        return True

    def _tell(self, what: str, reason: str) -> None:
        self.metrics.failed(what)
        if self._last.get(what) != reason:
            self._last[what] = reason
            self.say(f"{what}: {reason}")
