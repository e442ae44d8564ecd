"""What the graph's code calls to count and measure; where the numbers go is the recorder's business. Free of Ray."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Protocol

from deployments.metrics import OTHER, Kind, Series


class Recorder(Protocol):
    """Takes one number of a series: what a counter grew by (0 shows that it exists), or what was measured."""

    def record(self, series: Series, value: float, labels: Mapping[str, str]) -> None:
        """Keep it; `labels` has exactly the keys of the series, and listed values."""
        ...


class Silent:
    """A recorder that keeps nothing, for code that runs outside the graph."""

    def record(self, series: Series, value: float, labels: Mapping[str, str]) -> None:
        """See Recorder."""


class Meter:
    """The metrics of one replica. Counters and gauges exist from the start, so that a rate knows where it began;
    a histogram cannot, since a 0 would be an observation."""

    def __init__(self, recorder: Recorder, rows: Sequence[Series] = ()) -> None:
        self._recorder = recorder
        self._running: Counter[str] = Counter()
        self._gauges: dict[tuple[str, ...], tuple[Series, float, dict[str, str]]] = {}
        for series in rows:
            if series.kind is not Kind.HISTOGRAM and series.begin is not None:
                for values in product(*series.labels.values()):
                    self._record(series, series.begin, dict(zip(series.labels, values, strict=True)))

    def count(self, series: Series, amount: float = 1, **labels: str) -> None:
        """Add to a counter; 0 adds nothing."""
        if amount:
            self._record(series, amount, _listed(series, labels))

    def measure(self, series: Series, value: float, **labels: str) -> None:
        """Observe in a histogram, or set a gauge."""
        self._record(series, value, _listed(series, labels))

    def refresh(self) -> None:
        """Set every gauge again to what it is; call it every few seconds, since Ray forgets a gauge that is not set."""
        for series, value, labels in self._gauges.values():
            self._recorder.record(series, value, labels)

    @contextmanager
    def timed(self, series: Series) -> Iterator[None]:
        """Measure the seconds of a block, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.measure(series, time.monotonic() - began)

    @contextmanager
    def running(self, series: Series) -> Iterator[None]:
        """Count a block in a gauge while it runs."""
        self._change(series, 1)
        try:
            yield
        finally:
            self._change(series, -1)

    def _record(self, series: Series, value: float, labels: dict[str, str]) -> None:
        if series.kind is Kind.GAUGE:
            self._gauges[series.name, *labels.values()] = series, value, labels
        self._recorder.record(series, value, labels)

    def _change(self, series: Series, by: int) -> None:
        self._running[series.name] += by
        self.measure(series, self._running[series.name])


def _listed(series: Series, labels: Mapping[str, str]) -> dict[str, str]:
    """Only listed values may become series; others count as `other`. ValueError where there is no such value."""
    if labels.keys() != series.labels.keys():
        raise ValueError(f"{series.name}: expected labels {list(series.labels)}, came {list(labels)}")
    listed = {name: value if value in series.labels[name] else OTHER for name, value in labels.items()}
    for name, value in listed.items():
        if value not in series.labels[name]:
            raise ValueError(f"{series.name}: expected {name} of {series.labels[name]}, came another")
    return listed
