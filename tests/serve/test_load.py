"""Load and soak in seconds, on the small graph: the same steps as `tests.bench.load` and `make prove soak`."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench import load, load_place
from tests.bench.load_place import Place
from tests.proofs.soak import run_on
from tests.proofs.soak_figures import figures
from tests.serve.conftest import Running

PLAN = load.Plan(seconds=3, settle_s=0.5, mix={"model": 0.8, "refusal": 0.2})


@pytest.fixture(scope="module")
def place(small: Running) -> Place:
    return load_place.here(small.home, small.url, "tiny", people=4)


def test_what_clients_received_under_load_is_in_the_log(place: Place, tmp_path: Path) -> None:
    found = load.measure(place, load.Journal(tmp_path / "journal", keep=False), PLAN, rates=[3, 6])
    assert [row["rate"] for row in found["rows"]] == [3, 6]
    for row in found["rows"]:
        assert row["offered"] == sum(row["outcomes"].values()) > 0
        assert row["cpu_ms_per_request"]["Gateway"] > 0
    assert found["log"]["log_valid"] is True
    assert found["log"]["unlogged_bytes"] == 0
    assert found["log"]["texts"] >= sum(row["outcomes"].get("answered", 0) for row in found["rows"]) > 0


def test_segments_of_a_soak_tell_what_the_tutor_holds(place: Place) -> None:
    steps = list[dict[str, Any]]()
    run_on(place, PLAN, 4, 2, 1, 4, steps.append)
    assert [step["segment"] for step in steps] == [1, 2, 3, 4]
    assert {"Gateway", "controller", "proxy", "raylet", "gcs"} <= set(steps[0]["used"])
    assert all(step["total"]["pss"] > 2**27 and step["total"]["files"] > 10 for step in steps)
    found = figures({"capacity_per_s": 6.0, "rule": "-"}, steps)
    assert found["unlogged_bytes"] == 0
    assert found["bytes_received"] > 0
    assert found["log_valid_after_each"] is True
    assert found["disk"]["exchange_logs_bytes_per_question"] > 0
    assert found["slopes"]["rss"]["holds"] is False  # seconds prove nothing
