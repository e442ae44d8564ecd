"""Looks at every new record of every log, in order, and at once sends alerts about what must not wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.errors import AuditError, BadRoot
from audit.folder import CONTROL, log_names
from audit.monitoring.alert import Alert, is_monitors
from audit.monitoring.categories import Categories
from audit.monitoring.immediate import KINDS, judge
from audit.monitoring.outbox import Outbox
from audit.monitoring.tail import Tail
from audit.record import Kind
from audit.store import Store

SAVE_EVERY = 10_000  # records, while it catches up


@dataclass(slots=True)
class Watch:
    """`raised` is told of each alert that is new. What cannot be read raises BadSegment, BadRoot, OSError."""

    root: Store
    categories: Categories
    outbox: Outbox
    raised: Callable[[Alert], None]
    say: Callable[[str], None]
    looked_at: float = field(default_factory=time.time)  # when all logs were last read to their end
    _tails: list[Tail] = field(default_factory=list)
    _passed_on: int = 0  # before this record of the control log, other people's alerts were sent
    _saved: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Take up where the last run ended, and learn which alerts the log holds."""
        self._saved = self.outbox.positions()
        names = log_names(self.root)
        if CONTROL not in names:
            raise BadRoot("expected logs, found none")
        self._passed_on = self._saved.get(CONTROL, 0)
        self._tails = [
            # the control log from its start: an alert that it holds is never made again
            Tail(self.root, name, frozenset({Kind.alert})) if name == CONTROL
            else Tail(self.root, name, KINDS, self._saved.get(name, 0))
            for name in names
        ]  # fmt: skip

    def look(self) -> None:
        """Read what is new. An alert is on its way, durably, before the place of its cause is left behind.

        An exchange log that cannot be read keeps no other from being read; what was wrong is raised at the end.
        """
        if not self._tails:
            self.begin()
        wrong: list[AuditError | OSError] = []
        for tail in self._tails:
            try:
                self._follow(tail)
            except (AuditError, OSError) as error:
                if tail.name == CONTROL:  # which alerts there are is not known
                    raise
                wrong.append(error)
        self._save()
        if wrong:
            raise wrong[0]
        self.looked_at = time.time()

    def _follow(self, tail: Tail) -> None:
        for leaves in tail.files():
            for leaf in leaves:
                self._take(leaf)
            if tail.position - self._saved.get(tail.name, 0) >= SAVE_EVERY:
                self._save()
                self.say(f"{tail.name}: looked at {tail.position} records")

    def _take(self, leaf: Mapping[str, Any]) -> None:
        if leaf["kind"] == Kind.alert:
            self._learn(leaf)
            return
        alert = judge(leaf, self.categories)
        if alert is not None and self.outbox.raise_alert(alert):
            self.raised(alert)

    def _learn(self, leaf: Mapping[str, Any]) -> None:
        if leaf["idx"] >= self._passed_on and not is_monitors(leaf["request_id"]):
            alert = Alert.recorded(leaf)
            self.outbox.pass_on(alert)
            self.raised(alert)
        self.outbox.recorded(leaf["request_id"])

    def _save(self) -> None:
        positions = {tail.name: tail.position for tail in self._tails}
        positions[CONTROL] = max(positions[CONTROL], self._passed_on)
        if positions != self._saved:
            self.outbox.save(positions)
            self._saved = positions
