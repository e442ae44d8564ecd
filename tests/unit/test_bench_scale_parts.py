"""Parts of the simulation of scale by themselves: stations against queueing theory, the engine, the log, the queue."""

import math
import random
from dataclasses import replace

import pytest

from tests.bench import scale_check
from tests.bench.scale_costs import Settings
from tests.bench.scale_engine import Engine
from tests.bench.scale_kernel import Clock, Cores, Process, Station, percentile
from tests.bench.scale_parts import FairQueue, Log
from tests.bench.scale_sizing import log_rate
from tests.unit.test_bench_scale import COSTS, ENGINE, STEPS


def waits(servers: int, load: float, *, constant: bool, customers: int = 60_000) -> float:
    """Mean wait in line of a station whose service takes one second on average."""
    clock, dice = Clock(), random.Random(7)  # noqa: S311
    station, waited = Station(clock, servers), list[float]()

    def customer(seconds: float) -> Process:
        came = clock.now
        yield station.work(seconds)
        waited.append(clock.now - came - seconds)

    def arrivals() -> Process:
        for _ in range(customers):
            yield clock.sleep(dice.expovariate(load * servers))
            clock.start(customer(1.0 if constant else dice.expovariate(1.0)))

    clock.start(arrivals())
    clock.run(math.inf)
    assert len(waited) == customers
    assert station.busy_s > 0
    return sum(waited) / len(waited)


def erlang_c(servers: int, load: float) -> float:
    """Chance that somebody has to wait (Erlang 1917)."""
    offered = servers * load
    full = offered**servers / math.factorial(servers) / (1 - load)
    return full / (sum(offered**n / math.factorial(n) for n in range(servers)) + full)


def test_one_server_waits_as_m_m_1_and_m_d_1_do() -> None:
    load = 0.7
    assert waits(1, load, constant=False) == pytest.approx(load / (1 - load), rel=0.08)
    assert waits(1, load, constant=True) == pytest.approx(load / (1 - load) / 2, rel=0.06)


def test_four_servers_wait_as_m_m_c_does() -> None:
    expected = erlang_c(4, 0.8) / (4 * (1 - 0.8))
    assert waits(4, 0.8, constant=False) == pytest.approx(expected, rel=0.1)


def test_stations_of_one_machine_share_its_processors() -> None:
    clock = Clock()
    cores, ended = Cores(clock, 2, slice_s=0.1), list[float]()

    def job(seconds: float) -> Process:
        yield Station(clock, 1, cores).work(seconds)
        ended.append(clock.now)

    for _ in range(4):
        clock.start(job(1.0))
    clock.run(10)
    assert ended == pytest.approx([1.9, 1.9, 2.0, 2.0], abs=0.11)


def test_passing_over_steps_changes_nothing() -> None:
    """The engine jumps to the next step that anybody notices; one that takes each step by itself says the same."""

    def reached(cores: bool) -> list[float]:
        clock, told = Clock(), list[float]()
        engine = Engine(clock, ENGINE, Cores(clock, 1, slice_s=100.0) if cores else None)
        dice = random.Random(3)  # noqa: S311

        def one(after: float, prompt: int, marks: list[int]) -> Process:
            yield clock.sleep(after)
            for signal in engine.begin(prompt, marks).reached:
                yield signal.wait
                told.append(clock.now)

        for _ in range(20):
            clock.start(one(dice.random() * 2, dice.randrange(10, 600), [5, 20, dice.randrange(21, 90)]))
        clock.run(60)
        assert engine.open == 0
        return sorted(told)

    assert reached(cores=False) == pytest.approx(reached(cores=True), abs=1e-6)


def test_one_answer_alone_takes_its_prompt_and_its_steps() -> None:
    clock, ended = Clock(), list[float]()
    engine = Engine(clock, ENGINE)
    engine.begin(300, [1, 11]).reached[1].wait(lambda: ended.append(clock.now))
    clock.run(9)
    assert ended == [pytest.approx(ENGINE.seconds(0, 256) + ENGINE.seconds(0, 44) + 10 * ENGINE.seconds(1, 0))]
    assert (engine.prompt_tokens, engine.tokens, engine.steps) == (300, 11, 12)


def test_a_commit_waits_its_interval_or_for_many_records_and_takes_all_that_wait() -> None:
    rate, p50_s = scale_check.log_alone(COSTS, 1, 0.020)
    assert (rate, p50_s) == (pytest.approx(50, rel=0.02), pytest.approx(0.020, rel=0.02))
    rate, p50_s = scale_check.log_alone(COSTS, 64, 0.020)
    assert rate == pytest.approx(64 / (STEPS.commit_s + 64 * STEPS.record_s), rel=0.02)
    assert log_rate(COSTS) < rate  # over a hop a record costs more
    clock = Clock()
    log = Log(clock, COSTS, Settings())
    for _ in range(3):
        log.append(2)
    clock.run(1)
    assert (log.records, log.commits) == (6, 2)


def test_the_queue_is_bounded_in_length_and_time() -> None:
    clock = Clock()
    queue = FairQueue(clock, 1, replace(Settings(), queue=1, queue_wait_s=2.0))
    first, second, third = list[bool](), list[bool](), list[bool]()
    for given in (first, second, third):
        queue.enter(given)(lambda: None)
    assert (first, second, third) == ([True], [], [False])
    clock.run(3)
    assert second == [False]
    queue.leave(1.0)
    assert queue.has_room()


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], share) for share in (0.0, 0.5, 0.75, 1.0)] == [1.0, 2.0, 3.0, 4.0]
    assert math.isnan(percentile([], 0.5))
