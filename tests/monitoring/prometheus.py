"""A real Prometheus of the test's own, and what its queries may name."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments import metrics
from deployments.metrics import Kind

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DASHBOARDS = sorted((ROOT / "deployments" / "grafana").glob("*.json"))
RULES = ROOT / "deployments" / "prometheus"
MONITOR = {
    "preceptor_alerts_total", "preceptor_alerts_open", "preceptor_alerts_oldest_open_seconds", "preceptor_rule_value",
    "preceptor_outbox_alerts", "preceptor_monitor_lag_seconds", "preceptor_monitor_failures_total",
}  # fmt: skip
SUFFIXES = ("_bucket", "_count")  # Ray makes _sum of the middles of buckets: no query may rest on it


def exported() -> set[str]:
    """Every series that a query may name."""
    lines = (HERE / "ray_series.txt").read_text().splitlines()
    kinds = dict(line.split() for line in lines if not line.startswith("#"))
    kinds |= {series.exported: series.kind for rows in metrics.TABLE.values() for series in rows}
    found = {"up", *MONITOR}
    for name, kind in kinds.items():
        found |= {name + suffix for suffix in SUFFIXES} if kind == Kind.HISTOGRAM else {name}
    return found


def named(expression: str) -> set[str]:
    """The series that a query names; label values are no series."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(r"\b(?:ray_|preceptor_)\w+|\bup\b", bare))


def queries(path: Path) -> list[str]:
    """A dashboard's queries, as Grafana would send them."""
    panels = json.loads(path.read_text())["panels"]
    return [t["expr"].replace("$__rate_interval", "1m") for panel in panels for t in panel["targets"]]


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, what: str, **parameters: str) -> Any:
        """`data` of an answer; AssertionError with what Prometheus said."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def has_data(self, expression: str) -> bool:
        """Whether a query finds anything now."""
        return bool(self.get("query", query=expression)["result"])


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Prometheus]:
    """One that runs while it is entered, with its data in `folder`."""
    program = shutil.which("prometheus")
    assert program, "Debian's package `prometheus` is missing"
    file, log = folder / "prometheus.yaml", folder / "prometheus.log"
    file.write_text(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address={address}"], stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _wait(f"http://{address}/-/ready", process, log)
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
