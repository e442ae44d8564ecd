"""The soak proof's arithmetic: what counts as growth, across restarts and in noise, and what its figures say."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.proofs import soak
from tests.proofs.soak_figures import MIB, figures, picture
from tests.proofs.trend import trend

NOISE = (0.3, -0.5, 0.1, 0.4, -0.2, -0.4, 0.5, 0.0, -0.1, 0.2)


def line(per_hour: float, noise: float = 0.0, level: float = 100.0) -> list[tuple[float, float]]:
    return [(n / 12, level + per_hour * n / 12 + noise * jitter) for n, jitter in enumerate(NOISE)]


def test_a_slope_is_found_in_noise_and_despite_one_wild_value() -> None:
    found = trend([line(6, noise=0.5)])
    assert found
    assert found.low < 6 < found.high
    assert found.per_hour == pytest.approx(6, abs=0.5)
    wild = line(6)
    wild[4] = (wild[4][0], 900.0)
    found = trend([wild])
    assert found
    assert found.per_hour == pytest.approx(6, abs=0.1)
    assert not found.is_within(2)
    assert found.is_within(7)


def test_noise_is_no_growth_and_a_fall_is_none_either() -> None:
    flat, falling = trend([line(0, noise=20)]), trend([line(-30, noise=0.1)])
    assert flat
    assert falling
    assert flat.low < 0 < flat.high
    assert flat.is_within(0)
    assert falling.is_within(0)


def test_a_restart_is_no_growth() -> None:
    first, second = line(0, level=100), [(at, value) for at, value in line(0, level=500)]
    found = trend([first, second])
    assert found
    assert (found.per_hour, found.low, found.high) == (0, 0, 0)


def test_too_few_points_tell_nothing() -> None:
    assert trend([[(0.0, 1.0)], [(0.0, 2.0)]]) is None
    assert trend([line(1)[:3]]) is None
    assert trend([line(1)[:4]]) is not None
    assert trend([line(1)[:3], line(1)[:3]]) is not None


def step(number: int, run: str = "a", rss: float = 1000.0, files: int = 50, **checked: Any) -> dict[str, Any]:
    late = {"p50": 100.0, "p95": 200.0, "p99": 300.0}
    return {
        "segment": number, "run": run, "rate": 0.7, "mix": {"model": 1.0}, "seconds": 300.0, "at_s": 300.0 * number,
        "asked": 210, "load_average": 1.0, "row": {"outcomes": {"answered": 209, "refused": 1}, "first_ms": late,
        "end_ms": late}, "used": {"Gateway": {"rss": rss * MIB}},
        "total": {"rss": rss * MIB, "pss": rss * MIB, "files": files, "threads": 30},
        "disk": {"exchange_logs": 1_000_000 * number, "rest_of_home": 5, "ray": 7},
        "checked": {"bytes": 10_000, "unlogged_bytes": 0, "log_valid": True} | checked,
    }  # fmt: skip


CAPACITY: dict[str, Any] = {"capacity_per_s": 1.0, "rule": "r"}


def test_steady_segments_hold_and_the_logs_growth_is_told_apart() -> None:
    steps = [step(number) for number in range(1, 13)]
    found = figures(CAPACITY, steps)
    assert found["holds"] is True
    assert (found["minutes"], found["restarts"], found["questions"], found["served_share"]) == (60.0, 0, 2520, 1.0)
    assert found["disk"]["exchange_logs_bytes_per_question"] == round(1_000_000 / 210)
    assert found["disk"]["ray_bytes_per_question"] == 0
    image = ET.fromstring(picture(found, steps))  # noqa: S314 - we have just written it
    texts = {element.text for element in image.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Gateway", "first window, p99", "open files"} <= texts


@pytest.mark.parametrize(
    ("steps", "broken"),
    [
        ([step(n, rss=1000 + 5 * n) for n in range(1, 13)], "rss"),  # 6 % an hour
        ([step(n, files=50 + n) for n in range(1, 13)], "open files"),
        ([step(n) for n in range(1, 6)], "rss"),  # too few
    ],
)
def test_growth_breaks_the_promise(steps: list[dict[str, Any]], broken: str) -> None:
    found = figures(CAPACITY, steps)
    assert found["slopes"][broken]["holds"] is False
    assert found["holds"] is False


def test_slow_growth_warm_up_and_a_restart_break_nothing() -> None:
    grown = [step(n, rss=1000 + n) for n in range(1, 13)]  # 1.2 % an hour
    grown[0]["total"]["rss"] = 1.0
    again = [step(n, run="b", rss=2000.0) for n in range(1, 5)]
    found = figures(CAPACITY, grown + again)
    assert found["slopes"]["rss"]["holds"] is True
    assert found["restarts"] == 1


class Done:
    """A journal that needs no more."""

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self.steps = steps

    def add(self, step: dict[str, Any]) -> None:
        raise AssertionError(f"expected nothing to be done, came {step}")


def test_a_proof_whose_segments_are_done_only_tells_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SVG", tmp_path / "soak.svg")
    names = ("offered_per_s", "completed_per_s", "served_share", "first_ms", "tokens_per_s", "cpu_ms_per_request")
    climb = [{"at_rate": dict.fromkeys(names, 1.0) | {"rate": rate}} for rate in (0.5, 1.0)]
    steps = [*climb, CAPACITY | {"tutor": {}}, *(step(n, "a" if n < 7 else "b") for n in range(1, 13))]
    found = soak.soak(Done(steps), 12)
    assert [each["rate"] for each in found["climb"]] == [0.5, 1.0]
    assert (found["segments"], found["restarts"], found["rate"]) == (12, 1, 0.7)
    assert "<svg" in (tmp_path / "soak.svg").read_text()


@pytest.mark.parametrize("wrong", [{"unlogged_bytes": 1}, {"log_valid": False}])
def test_an_unlogged_byte_or_a_broken_log_breaks_the_promise(wrong: dict[str, Any]) -> None:
    assert figures(CAPACITY, [*(step(n) for n in range(1, 12)), step(12, **wrong)])["holds"] is False
