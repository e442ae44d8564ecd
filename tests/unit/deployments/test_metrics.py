"""The table of metrics says what the code can record, and nothing that it lists can hold a text."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from deployments import metrics
from deployments.group_commit import GroupCommit
from deployments.meter import Meter
from deployments.metrics import Kind, Series

ROOT = Path(__file__).parents[3]
ROWS = [series for rows in metrics.TABLE.values() for series in rows]


class Kept:
    """A recorder that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, float, dict[str, str]]] = []

    def record(self, series: Series, value: float, labels: Mapping[str, str]) -> None:
        self.given.append((series.name, value, dict(labels)))

    def of(self, series: Series) -> list[float]:
        return [value for name, value, _ in self.given if name == series.name]


class Refusing:
    """A log whose disk is full, as far as GroupCommit sees."""

    def append(self, entries):
        raise OSError("no space left; the prompt was HARMWORD")


def test_names_are_unique_and_tell_their_unit() -> None:
    names = [series.name for series in ROWS]
    assert len(set(names)) == len(names)
    for series in ROWS:
        assert re.fullmatch(r"preceptor_[a-z_]+[a-z]", series.name), series
        assert not series.name.endswith("_total"), "Prometheus gets that from Ray"
        assert series.help
        assert bool(series.bounds) == (series.kind is Kind.HISTOGRAM)
        assert list(series.bounds) == sorted(set(series.bounds))


def test_labels_are_closed_and_few() -> None:
    for series in ROWS:
        assert not {"subject", "tenant", "deployment", "replica", "application", "route"} & set(series.labels)
        series_of_it = 1
        for values in series.labels.values():
            assert len(set(values)) == len(values)
            series_of_it *= len(values)
        assert series_of_it <= 100, series.name


def test_categories_are_those_of_the_policy() -> None:
    policy = yaml.safe_load((ROOT / "guards" / "policy.yaml").read_text())
    assert set(metrics.CATEGORIES) == {*policy["categories"], metrics.NO_CATEGORY, metrics.OTHER}


def test_every_fault_that_the_app_names_is_a_cause() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    named = set(re.findall(r"Fault\((?:[^()]|\([^()]*\))*?code=\"([a-z_]+)\"", sources))
    assert {"log_unavailable", "control_log_stale", "deadline_exceeded"} <= named
    assert named <= set(metrics.CAUSES)
    assert set(metrics.CAUSES) <= set(metrics.CODES)


def test_every_key_error_that_the_app_names_is_a_code() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    named = set(re.findall(r"NotAuthenticated\((?:[^()]|\([^()]*\))*?code=\"([a-z_]+)\"", sources))
    assert "revoked_api_key" in named
    assert named <= set(metrics.CODES)


def test_counters_and_gauges_begin_at_a_number_and_histograms_do_not() -> None:
    kept = Kept()
    Meter(kept, metrics.GATEWAY)
    assert kept.of(metrics.QUESTIONS) == [0] * len(metrics.OUTCOMES)
    assert len(kept.of(metrics.VERDICTS)) == 5 * len(metrics.CATEGORIES)
    assert kept.of(metrics.QUESTIONS_OPEN) == [0]
    assert kept.of(metrics.QUESTION_SECONDS) == []
    assert kept.of(metrics.CONTROL_AGE) == [], "an age of 0 that nobody measured would be a lie"


def test_what_a_label_does_not_list_counts_as_other_or_is_an_error() -> None:
    kept = Kept()
    meter = Meter(kept)
    meter.count(metrics.FAULTS, cause="a text that a client sent")
    assert kept.given == [("preceptor_faults", 1, {"cause": "other"})]
    with pytest.raises(ValueError, match="expected kind of") as raised:
        meter.count(metrics.TOKENS, kind="a text that a client sent")
    assert "a text" not in str(raised.value)
    with pytest.raises(ValueError, match="expected labels"):
        meter.count(metrics.FAULTS)


def test_nothing_is_added_for_nothing() -> None:
    kept = Kept()
    Meter(kept).count(metrics.TOKENS, 0, kind="prompt")
    assert kept.given == []


def test_what_runs_is_counted_while_it_runs_however_it_ends() -> None:
    kept = Kept()
    meter = Meter(kept)
    with meter.running(metrics.GUARD_OPEN), pytest.raises(OSError), meter.running(metrics.GUARD_OPEN):  # noqa: PT011
        raise OSError
    assert kept.of(metrics.GUARD_OPEN) == [1, 2, 1, 0]


def test_gauges_are_set_again_and_nothing_else_is() -> None:
    kept = Kept()
    meter = Meter(kept, metrics.MODEL)
    meter.measure(metrics.MODEL_READY, 1)
    meter.count(metrics.MODEL_TOKENS, 5)
    kept.given.clear()
    meter.refresh()
    assert kept.given == [(metrics.MODEL_STREAMS.name, 0, {}), (metrics.MODEL_READY.name, 1, {})]


async def test_a_commit_that_fails_is_counted_and_timed_and_its_text_is_not_logged(caplog) -> None:
    kept = Kept()
    commits = GroupCommit(Refusing(), 0.0, Meter(kept, metrics.LOG))  # type: ignore[arg-type]
    (result,) = await commits.append(["entry"])  # type: ignore[list-item]
    commits.close()
    assert isinstance(result, Exception)
    assert kept.of(metrics.COMMIT_FAILURES) == [0, 1]
    assert kept.of(metrics.COMMIT_RECORDS) == [1]
    assert kept.of(metrics.LOG_RECORDS) == [0, 1]
    assert kept.of(metrics.LOG_WAITING) == [0, 1, 0]
    assert len(kept.of(metrics.COMMIT_SECONDS)) == 1
    assert "HARMWORD" not in caplog.text
    assert [record.event for record in caplog.records] == ["commit_failed"]


def test_the_page_lists_exactly_this_table() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = re.findall(r"^\| `(ray_preceptor_\w+)(?:\{([a-z,]*)\})?` \| (\w+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted(
        (series.exported, ",".join(series.labels), series.kind.value, series.help) for series in ROWS
    )
