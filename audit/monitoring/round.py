"""One round of the rules: those that are due are asked together, and apart if together they fail."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.errors import AuditError, QueryRefused
from audit.monitoring.alert import Alert
from audit.monitoring.categories import Categories
from audit.monitoring.rules import Rule, joined

Rows = Sequence[Mapping[str, Any]]
Ask = Callable[[str], Rows]  # the rows of one SELECT; AuditError, OSError


@dataclass(frozen=True, slots=True)
class Found:
    """What a round saw. values: the highest value of each rule that was asked; failed: why a rule could not be."""

    alerts: tuple[Alert, ...]
    values: Mapping[str, float]
    failed: Mapping[str, str]


@dataclass(slots=True)
class Round:
    """The rules of one monitor, and when each was asked last."""

    rules: Sequence[Rule]
    categories: Categories
    ask: Ask
    clock: Callable[[], float] = time.time
    _asked: dict[str, float] = field(default_factory=dict)

    def due(self) -> list[Rule]:
        """Those whose time has come."""
        now = self.clock()
        return [rule for rule in self.rules if self._asked.get(rule.name, 0.0) + rule.every.total_seconds() <= now]

    def run(self, rules: Iterable[Rule] | None = None) -> Found:
        """Ask what is due, or these. A rule that fails is told of and fails no other."""
        chosen = self.due() if rules is None else list(rules)
        now, alerts, failed = self.clock(), list[Alert](), dict[str, str]()
        values = dict.fromkeys((rule.name for rule in chosen), 0.0)
        rows = self._rows(chosen, failed)
        for rule in chosen:
            for row in rows[rule.name]:
                values[rule.name] = max(values[rule.name], row["value"] or 0.0)
                try:
                    alert = rule.alert(row, now)
                except AuditError as error:
                    failed[rule.name] = str(error)
                    continue
                if alert is not None:
                    alerts.append(alert)
            self._asked[rule.name] = now
        return Found(tuple(alerts), {name: value for name, value in values.items() if name not in failed}, failed)

    def _rows(self, rules: Sequence[Rule], failed: dict[str, str]) -> dict[str, list[Mapping[str, Any]]]:
        found = defaultdict[str, list[Mapping[str, Any]]](list)
        if not rules:
            return found
        try:
            for row in self.ask(joined(rules, self.categories.as_table())):
                found[row["rule"]].append(row)
        except QueryRefused as error:
            if len(rules) == 1:
                failed[rules[0].name] = str(error)
                return found
            for rule in rules:
                found |= self._rows([rule], failed)
        return found
