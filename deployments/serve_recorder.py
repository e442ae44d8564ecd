"""Where a replica's numbers go: Ray's metrics, which each node's metrics port shows to Prometheus."""

from collections.abc import Mapping, Sequence

from ray.serve import metrics

from deployments.meter import Meter
from deployments.metrics import Kind, Series


class _Counter(metrics.Counter):
    """Ray's own refuses 0, without which a counter is absent until it counts, and its first rise is lost to `rate`."""

    def record(self, value: float, tags: dict[str, str]) -> None:
        """Add, 0 too."""
        self._record(value, tags)


class _Gauge(metrics.Gauge):
    def record(self, value: float, tags: dict[str, str]) -> None:
        """Set."""
        self.set(value, tags)


class _Histogram(metrics.Histogram):
    def record(self, value: float, tags: dict[str, str]) -> None:
        """Observe."""
        self.observe(value, tags)


class ServeRecorder:
    """Recorder of one Serve replica; only inside one is its name known, which is a label."""

    def __init__(self, rows: Sequence[Series]) -> None:
        self._made = {series.name: _made(series) for series in rows}

    def record(self, series: Series, value: float, labels: Mapping[str, str]) -> None:
        """See Recorder."""
        self._made[series.name].record(value, dict(labels))


def meter(rows: Sequence[Series]) -> Meter:
    """The meter of the replica that this runs in."""
    return Meter(ServeRecorder(rows), rows)


def _made(series: Series) -> _Counter | _Gauge | _Histogram:
    tags = tuple(series.labels)
    if series.kind is Kind.HISTOGRAM:
        return _Histogram(series.name, series.help, list(series.bounds), tags)
    return (_Counter if series.kind is Kind.COUNTER else _Gauge)(series.name, series.help, tags)
