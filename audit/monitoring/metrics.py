"""What Prometheus may scrape of a monitor."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from audit.monitoring.alert import Alert
from audit.monitoring.outbox import Queue


class Metrics:
    """The numbers of one monitor, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._alerts = Counter(
            "preceptor_alerts", "Alerts sent on their way", ["rule", "severity"], registry=self.registry
        )
        self._failures = Counter(
            "preceptor_monitor_failures", "What the monitor could not ask or read", ["what"], registry=self.registry
        )
        self._values = Gauge(
            "preceptor_rule_value", "Highest value of a rule when it was last asked", ["rule"], registry=self.registry
        )
        self._open = Gauge("preceptor_alerts_open", "Alerts without a decision", registry=self.registry)
        self._oldest = Gauge(
            "preceptor_alerts_oldest_open_seconds", "Age of the oldest of them", registry=self.registry
        )
        self._waiting = Gauge(
            "preceptor_outbox_alerts", "Alerts that a receiver has not taken", ["receiver"], registry=self.registry
        )
        self._lag = Gauge(
            "preceptor_monitor_lag_seconds", "Since all logs were read to their end", registry=self.registry
        )

    def raised(self, alert: Alert) -> None:
        """One alert more."""
        self._alerts.labels(alert.rule, alert.severity).inc()

    def failed(self, what: str) -> None:
        """A rule, or `logs`, could not be asked or read."""
        self._failures.labels(what).inc()

    def measured(self, rule: str, value: float) -> None:
        """What a rule said."""
        self._values.labels(rule).set(value)

    def standing(self, count: int, oldest_s: float) -> None:
        """The alerts without a decision."""
        self._open.set(count)
        self._oldest.set(oldest_s)

    def watch_queue(self, receiver: str, queue: Queue) -> None:
        """Count a queue whenever somebody asks."""
        self._waiting.labels(receiver).set_function(lambda: float(len(queue)))

    def watch_lag(self, seconds: Callable[[], float]) -> None:
        """Tell the lag whenever somebody asks."""
        self._lag.set_function(seconds)

    def serve(self, host: str, port: int) -> int:
        """Answer scrapes in a thread of its own; the port. OSError."""
        server, _ = start_http_server(port, host, self.registry)
        return int(server.server_port)
