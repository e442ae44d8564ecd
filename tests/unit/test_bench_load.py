"""The load benchmark: its schedule, arithmetic and checker, and a run in little against a tutor at a real socket."""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.bench import load
from tests.bench.load_figures import capacity, holds, next_rate, percentile, row
from tests.bench.load_log import Shown, unlogged
from tests.bench.load_place import Place
from tests.bench.load_processes import CpuClock, kind_of, used
from tests.bench.load_schedule import QUESTIONS, read_mix, schedule
from tests.bench.load_table import curves, table
from tests.listening import LIMITS, listening
from tests.load_client import Heard, Tutor
from tests.unit.app.conftest import World


def test_arrivals_are_a_poisson_process_that_a_seed_repeats() -> None:
    found = schedule(50, 200, 7, seed=3)
    assert found == schedule(50, 200, 7, seed=3)
    assert found != schedule(50, 200, 7, seed=4)
    gaps = [after.at_s - before.at_s for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.05)
    # of an exponential distribution the deviation is the mean
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(mean, rel=0.05)
    kinds = Counter(one.asked.kind for one in found)
    assert kinds["graph"] / len(found) == pytest.approx(0.4, abs=0.03)
    assert all(one.asked.text in QUESTIONS[one.asked.kind] for one in found)
    assert {one.person for one in found} == set(range(7))
    assert len({one.asked.seed for one in found}) == len(found)


def test_a_mix_is_read_as_shares_of_one() -> None:
    assert read_mix("graph=3,model=1") == {"graph": 0.75, "model": 0.25}
    for wrong in ("graph", "sonnet=1", "graph=-1,model=2", "graph=0", ""):
        with pytest.raises(ValueError, match=r"expected|could not convert"):
            read_mix(wrong)


def test_percentiles_are_nearest_ranks() -> None:
    assert percentile([], 50) is None
    assert [percentile([7.0], each) for each in (1, 50, 99)] == [7.0, 7.0, 7.0]
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, each) for each in (50, 95, 99, 100)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([1.0, 2.0, 3.0], 99) == 3.0


def heard(at: float, first: float | None = 1.0, end: float = 2.0, **more: Any) -> Heard:
    given: dict[str, Any] = {"status": 200, "finish": "stop", "windows": 2, "tokens": 10, "action": "ALLOW"} | more
    return Heard(0, "model", at, at, None if first is None else at + first, at + end, **given)


def test_a_row_counts_what_was_meant_to_leave_in_its_window() -> None:
    found = [
        heard(1.0), heard(10.0), heard(11.0, 4.0, 5.0), heard(12.0, by="graph"),
        heard(13.0, None, status=503, finish="", code="overloaded", action=""), heard(19.0, failure="cut", finish=""),
    ]  # fmt: skip
    made = row(found, 0.5, (10.0, 20.0), {"Gateway": 3.0})
    assert (made["offered"], made["offered_per_s"], made["completed_per_s"], made["served_share"]) == (5, 0.5, 0.3, 0.6)
    assert made["outcomes"] == {"answered": 3, "broken": 1, "unavailable": 1}
    assert (made["codes"], made["failures"]) == ({"overloaded": 1}, {"cut": 1})
    assert made["answered_by"] == {"graph": 1, "model": 2}
    assert made["first_ms"] == {"p50": 1000.0, "p95": 4000.0, "p99": 4000.0}
    assert made["cpu_ms_per_request"] == {"Gateway": 500.0}
    assert (made["tokens_per_s"], made["windows_per_s"]) == (3.0, 0.6)  # 60 and 12 in 20 s
    assert not holds(made)


def rated(rate: float, share: float = 1.0, p99: float | None = 1000.0, more: int = 0) -> dict[str, Any]:
    return {"rate": rate, "offered": 100, "served_share": share, "first_ms": {"p99": p99}, "open": [7, 7 + more]}


def test_a_rate_holds_while_no_backlog_grows() -> None:
    assert [holds(rated(1, more=more)) for more in (-7, 0, 5, 6)] == [True, True, True, False]
    assert [holds(rated(1, more=more) | {"offered": 20}) for more in (4, 5)] == [True, False]
    made = row([heard(1.0, end=20.0), heard(10.0), heard(11.0), heard(19.5), heard(19.0, None)], 0.5, (10.0, 20.0))
    assert made["open"] == [1, 3]


def test_rates_rise_until_one_breaks_and_close_in() -> None:
    assert next_rate([]) == 0.5
    assert next_rate([rated(0.5), rated(1)]) == 2
    rows = [rated(1), rated(2), rated(4, share=0.9)]
    assert (capacity(rows), next_rate(rows)) == (2, 2.828)
    rows += [rated(2.828, p99=5001.0)]
    assert (capacity(rows), next_rate(rows)) == (2, 2.378)
    rows += [rated(2.378), rated(2.593)]
    assert (capacity(rows), next_rate(rows)) == (2.593, None)
    assert next_rate([rated(0.5, share=0.0, p99=None)]) == 0.25
    assert (capacity([rated(0.06, share=0.5)]), next_rate([rated(0.06, share=0.5)])) == (None, None)
    assert capacity([rated(1), rated(2, share=0.5), rated(4)]) == 1  # what held above a rate that broke is luck


def shown(request_id: str, text: str) -> Shown:
    return Shown(request_id, len(text.encode()), sha256(text.encode()).hexdigest())


def test_every_byte_that_came_is_looked_for_at_the_beginning_of_what_was_logged() -> None:
    logged = {"a": "Grüße, whole.", "b": "A longer answer.", "c": "other"}
    right = [shown("a", "Grüße, whole."), shown("b", "A long"), shown("d", "")]
    assert unlogged(right, logged) == {"texts": 2, "bytes": 21, "unlogged_texts": 0, "unlogged_bytes": 0}
    wrong = [shown("c", "otter"), shown("b", "A longer answer. And more"), shown("d", "x")]
    assert unlogged(wrong, logged) == {"texts": 3, "bytes": 31, "unlogged_texts": 3, "unlogged_bytes": 31}


def test_processes_are_told_apart_by_what_they_are() -> None:
    assert kind_of(["ray::ServeReplica:preceptor:Gateway.handle_request"]) == "Gateway"
    assert kind_of(["ray::ServeReplica:preceptor:AuditLog-exchange-0"]) == "AuditLog"
    assert kind_of(["ray::ServeReplica:preceptor:Model#abc"]) == "Model"
    assert kind_of(["ray::ProxyActor"]) == "proxy"
    assert kind_of(["/x/ray/core/src/ray/gcs/gcs_server", "--log_dir=/tmp"]) == "gcs"
    assert kind_of(["/x/ray/core/src/ray/raylet/raylet", "--y"]) == "raylet"
    assert kind_of(["python", "-m", "audit.monitor"]) == "monitor"
    assert kind_of(["ray-dashboard-JobHead-0"]) == "dashboard"
    assert kind_of(["/x/ray/dashboard/dashboard.py", "--host=127.0.0.1"]) == "dashboard"
    assert kind_of(["ray::DashboardAgent"]) == "agents"
    assert kind_of(["/x/bin/ray", "start", "--block", "--dashboard-port=1"]) == "ray's other"
    assert kind_of(["sleep", "1"]) == "other"


def test_a_process_is_seen_with_what_it_holds_and_spends() -> None:
    import psutil

    me = psutil.Process()
    (kind,) = used([me])
    assert used([me])[kind].rss > 2**20
    clock = CpuClock(lambda: [me])
    clock.look()
    sum(n * n for n in range(300_000))
    clock.look()
    assert 0 <= clock.spent()[kind] < 10


async def test_a_run_in_little_fills_table_curves_and_journal(tmp_path: Path) -> None:
    world = World(tmp_path / "home", LIMITS)
    await world.accept()
    plan = load.Plan(seconds=1.5, settle_s=0.2, mix={"model": 0.5, "refusal": 0.5})
    world.scorer.marked = {"phishing": world.scorer.marked["HARMWORD"], "wifi": world.scorer.marked["HARMWORD"]}
    async with listening(world) as target:
        url = f"http://{target.host}:{target.port}"
        place, journal = Place(Tutor.at(url, "tiny"), [target.key], url), load.Journal(tmp_path / "j", keep=True)
        found = await load.climb(place, journal, plan, rates=[8, 16])
        again = load.Journal(tmp_path / "j", keep=True)
        assert await load.climb(place, again, plan, rates=[8, 16]) == found
    assert again.shown == []  # nothing was asked twice
    assert found in {8, 16, None}
    assert [each["rate"] for each in journal.rows] == [8, 16]
    assert all(each["served_share"] == 1.0 for each in journal.rows)
    assert set(journal.rows[0]["answered_by"]) <= {"model", "refusal"}
    lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert sum("digest" in line for line in lines) == len(journal.shown) > 8
    whole = {"rows": journal.rows, "bound_s": 5.0, "capacity_per_s": found, "rule": "r", "log": None}
    assert any("capacity" in line for line in table(whole))
    image = ET.fromstring(curves(whole, "A & B"))  # noqa: S314 - we have just written it
    texts = {element.text for element in image.iter("{http://www.w3.org/2000/svg}text")}
    assert {"A & B", "first window, p99", "served", "offered"} <= texts
