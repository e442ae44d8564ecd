"""Candidates as Ray tasks: each in a process of its own, none stopping another."""

import os
import sys
from pathlib import Path

import pytest

from train.evaluation.items import suite
from train.placement import PlacementError
from train.selection import running
from train.selection.outcome import Candidate, Score

SUITE = suite([], "0" * 64)


def measure(candidate: Candidate, *_: object) -> list[Score]:
    """Its own process number; some die."""
    if candidate.name == "dies":
        os._exit(3)
    if candidate.name == "fails":
        raise ValueError("bad shard")
    return [Score(name="process", group="cost", unit="rate", better="lower", value=os.getpid(), n=1)]


def candidate(name: str, memory: int = 1000) -> Candidate:
    return Candidate(name, Path(name), "MIT", "d", 1, memory)


@pytest.fixture
def by_value(cluster: str) -> None:
    """Workers cannot import this module, so they are sent it."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_each_has_a_process_of_its_own_and_none_stops_another(by_value) -> None:
    names = ["one", "dies", "fails", "two"]
    turns = running.on_ray([*map(candidate, names), candidate("large", 1 << 60)], SUITE, measure, 2, print)
    found = {outcome.name: outcome for outcome in turns}
    assert found["large"].not_measured.startswith("too little memory: 1152921504.6 GB needed, the largest node has")
    assert found["dies"].not_measured == "its task died: WorkerCrashedError"
    assert found["fails"].not_measured == "failed: ValueError: bad shard"
    processes = {found[name].scores[0].value for name in ("one", "two")} | {os.getpid()}
    assert len(processes) == 3


def test_more_tasks_than_fit_are_refused_before_any_begins(by_value, monkeypatch) -> None:
    from train import placement

    monkeypatch.setattr(placement.require, "__defaults__", (0.5,))  # who waits for room waits a minute
    with pytest.raises(PlacementError, match="no room for 3 workers"):
        list(running.on_ray([candidate(name) for name in "abc"], SUITE, measure, 3, print))
