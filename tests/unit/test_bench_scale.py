"""The simulation of scale against queueing theory, against itself, and against what it says of the product."""

import json
import xml.etree.ElementTree as ET
from dataclasses import fields, replace

import pytest

from tests.bench import scale, scale_check, scale_ladder, scale_report, scale_steps
from tests.bench.scale_costs import ENGINES, FILE, HOPS, Costs, EngineCosts, Settings, Size, StepCosts, Workload
from tests.bench.scale_drawing import draw
from tests.bench.scale_ladder import Rung, ladder, model_rate, sweep, times
from tests.bench.scale_run import Plan, simulate
from tests.bench.scale_sizing import Objective, Prices, Row, settings_of, sized

TOLD = json.loads(FILE.read_text())
STEPS = StepCosts(
    admit_s=0.001, window_s=0.0002, close_s=0.0002, rules_prompt_s=0.001, rules_window_s=0.001, rules_answer_s=0.002,
    rules_graph_s=0.002,
    encoder_s=0.002, token_s=0.0001, windows_prompt=1, windows_window=2, windows_answer=2, windows_graph=2,
    tokens_prompt=20, tokens_window=40, tokens_answer=40, tokens_graph=40,
    consult_s=0.008, commit_s=0.003, record_s=0.0001, carry_s=0.00003, tail_s=0.0001,
    request_bytes=800, window_bytes=400,
)  # fmt: skip
ENGINE = EngineCosts(step_s=0.006, sequence_s=0.0001, prompt_s=0.00004, chunk=256, slots=64, cores=2, gpus=1)
COSTS = replace(Costs.load(), steps=STEPS, engine=ENGINE)
WORK = Workload(think_s=10.0, tokens=60.0)
SHORT = Plan(users=100, warm_s=20, measured_s=60)
SIZE = Size(guards=2)


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    first, again = (simulate(COSTS, SIZE, Settings(), WORK, SHORT) for _ in range(2))
    other = simulate(COSTS, SIZE, Settings(), WORK, replace(SHORT, seed=2))
    assert first == again
    assert first.end != other.end


@pytest.mark.parametrize("settings", [Settings(), Settings(streams=4, queue=1)], ids=["room", "overloaded"])
def test_every_question_is_answered_refused_or_under_way_and_littles_law_holds(settings: Settings) -> None:
    found = simulate(COSTS, SIZE, settings, WORK, replace(SHORT, measured_s=120))
    assert found.arrived == found.answered + found.overloaded + found.grown
    assert bool(found.overloaded) == (settings.streams == 4)
    rate = (found.answered + found.overloaded) / found.seconds
    assert found.inside == pytest.approx(rate * found.mean_s, rel=0.05)


def test_questions_that_come_by_the_clock_are_answered_at_that_rate() -> None:
    found = simulate(COSTS, SIZE, Settings(), WORK, Plan(rate=5.0, warm_s=10, measured_s=200))
    assert found.answers_per_s == pytest.approx(5.0, rel=0.06)
    assert 0 < found.first[0] <= found.first[1] <= found.first[2] <= found.end[2]
    assert {"gateway", "guard", "log"} <= set(found.slow)
    assert sum(found.slow.values()) >= found.first[1] * 0.9


def test_a_cell_stands_for_a_part_of_a_whole() -> None:
    """Four cells of 250 people, and one graph of all replicas in which anybody is served by any of them."""
    work, cells = replace(WORK, think_s=20.0), 4
    size = Size(guards=3, gateways=2)
    plan = Plan(users=250, warm_s=20, measured_s=60)
    cell = simulate(COSTS, size, settings_of(size, COSTS), work, plan)
    large = times(size, cells)
    whole = simulate(COSTS, large, settings_of(large, COSTS), work, replace(plan, users=1000, seed=5))
    assert whole.answers_per_s == pytest.approx(cells * cell.answers_per_s, rel=0.06)
    assert whole.first[0] == pytest.approx(cell.first[0], rel=0.10)
    assert whole.first[2] == pytest.approx(cell.first[2], rel=0.20)
    assert whole.end[0] == pytest.approx(cell.end[0], rel=0.10)
    for kind in ("gateway", "guard", "knowledge"):
        assert whole.used[kind] == pytest.approx(cell.used[kind], rel=0.10)


def test_models_follow_the_load_after_their_delay() -> None:
    slow = replace(COSTS, engine=replace(ENGINE, step_s=0.08, slots=32))
    work = replace(WORK, think_s=5.0)
    found = scale_ladder.followed(slow, work, 120, 4)
    counts = [count for _, count in found.scaled]
    assert counts[0] == 1
    assert max(counts) > 1
    assert all(at >= 50 for at, count in found.scaled if count > 1)  # 30 s of delay, 20 s until a replica is ready
    assert scale_report.scaled_lines(found)[-1].startswith("120 people")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return scale.predict(COSTS, WORK, (60, 6000), 60, Objective(), Prices(core_hour=1.0, gpu_hour=10.0))


def test_a_sized_cell_holds_its_objective_and_many_cells_cost_as_many_times_as_much(rows: list[Row]) -> None:
    one, many = rows
    assert one.cell.holds
    assert one.cell.found.first[2] <= 2.0
    assert all(one.cell.found.used[kind] < 0.81 for kind in ("gateway", "guard", "knowledge", "log"))
    assert (one.cells, many.cells) == (1, 100)
    assert many.replicas == {kind: 100 * count for kind, count in one.replicas.items()}
    assert many.price_per_1000 == pytest.approx(one.price_per_1000)
    assert one.price_per_hour == one.cores + 10 * one.gpus
    assert one.cores == sum(one.replicas.values()) + one.replicas["model"]  # two for each Model
    exchange = one.log_bytes_per_day / 86_400 / one.answers_per_s
    assert STEPS.request_bytes < exchange < STEPS.request_bytes + 12 * STEPS.window_bytes


def test_an_objective_that_nobody_can_hold_is_not_said_to_be_held() -> None:
    slow = replace(COSTS, engine=replace(ENGINE, step_s=0.5))
    assert not sized(slow, WORK, 20, Objective()).holds


HEAVY = replace(COSTS, steps=replace(STEPS, encoder_s=0.018), engine=replace(ENGINE, step_s=0.02, sequence_s=0.01))


@pytest.fixture(scope="module")
def rungs() -> list[Rung]:
    return ladder(HEAVY, WORK, Objective())


def test_the_first_to_end_comes_first_and_is_as_busy_as_the_sweep_says(rungs: list[Rung]) -> None:
    assert [rung.answers_per_s for rung in rungs] == sorted(rung.answers_per_s for rung in rungs)
    assert {rung.kind for rung in rungs[:2]} == {"guard", "model"}
    guard = next(rung for rung in rungs if rung.kind == "guard")
    few, many = sweep(HEAVY, WORK, (10, 100))
    assert few.used["guard"] == pytest.approx(few.answers_per_s * guard.seconds, rel=0.1)
    assert max(many.used, key=lambda kind: many.used[kind]) == "guard"


def test_every_cost_says_what_it_is_and_where_it_is_from() -> None:
    groups = [TOLD["steps"], *TOLD["hops"].values(), *TOLD["engines"].values()]
    assert set(TOLD["steps"]) == {each.name for each in fields(StepCosts)}
    assert (tuple(TOLD["hops"]), tuple(TOLD["engines"])) == (HOPS, ENGINES)
    for group in groups:
        for name, cost in group.items():
            assert set(cost) == {"value", "unit", "what", "from"}, name
            assert cost["value"] >= 0, name
            assert cost["what"], name
            assert cost["from"], name
            assert cost["from"] != "not measured yet", name
    for hops in HOPS:
        for engine in ENGINES:
            assert Costs.load(FILE, hops, engine).engine.slots > 0


def test_the_document_has_the_costs_of_the_file_and_a_place_for_every_table() -> None:
    document = (scale.ROOT / "docs/scaling.md").read_text()
    told = {"costs": "\n".join(scale_report.costs_lines(TOLD))}
    assert scale_report.written(document, told) == document
    scale_report.written(document, dict.fromkeys(("fleet", "ladder", "sweep", "whole"), ""))
    with pytest.raises(ValueError, match="nowhere"):
        scale_report.written(document, {"nowhere": ""})


def test_a_model_that_carries_little_is_told_how_little() -> None:
    slow = replace(COSTS, engine=replace(ENGINE, step_s=0.5, slots=1))
    assert 0.005 < model_rate(slow, WORK, Objective(first_p99_s=120.0, refused=1.0)) < 0.25
    assert model_rate(slow, WORK, Objective(first_p99_s=0.1)) == 0


def test_tables_and_drawing_show_what_was_found(rows: list[Row], rungs: list[Rung]) -> None:
    swept = sweep(COSTS, WORK, (10, 20))
    found = {"fleet": {"gpu": rows}, "objective": Objective(), "sweep": swept, "ladder": {"gpu": rungs}}
    made = scale_report.blocks(found)
    assert "| 6,000 | 100 |" in made["fleet"]
    assert "`max_replicas` of Guard" in made["ladder"]
    assert made["sweep"].count("\n") == 3
    drawing = ET.fromstring(draw(found))  # noqa: S314 - we have just written it
    assert {"guard", "gateway"} <= {each.text for each in drawing.iter("{http://www.w3.org/2000/svg}text")}


def test_predictions_stand_beside_what_was_measured() -> None:
    three = {"p50": 100.0, "p95": 200.0, "p99": None}
    row = {"rate": 1.0, "seconds": 10, "offered_per_s": 1.0, "completed_per_s": 1.0, "tokens_per_s": 20.0,
           "served_share": 1.0, "first_ms": three, "end_ms": three,
           "cpu_ms_per_request": {"Gateway": 10.0, "clients": 3.0},
           "answered_by": {"graph": 5, "model": 5}}  # fmt: skip
    load = {"max_tokens": 48, "seconds_each": 60.0, "cpus": 2, "rows": [row]}
    said = scale_check.against_load(load, COSTS)[0]
    assert said["completed/s"]["error"] == said["completed/s"]["predicted"] - 1
    assert said["completed/s"]["predicted"] == pytest.approx(1.0, rel=0.4)
    assert said["first p99 ms"]["error"] is None
    assert said["CPU ms, Gateway"]["predicted"] > 0
    assert any("CPU ms, Gateway" in each for each in scale_check.check_table([said]))
    call_s, rate = scale_check.call_cost(load, COSTS)
    fitted = scale_check.against_load(load, replace(COSTS, hops=replace(COSTS.hops, call_s=call_s)))[0]
    assert (rate, fitted["CPU ms, Gateway"]["error"]) == (1.0, pytest.approx(0.0, abs=0.05))
    log = scale_check.against_log(COSTS)
    assert len(log) == 8
    assert all(each["records/s"]["measured"] > 0 for each in log)


def test_steps_are_measured_by_the_products_own_classes() -> None:
    guard, log = scale_steps.guard(), scale_steps.log(sizes=(1, 4), seconds=0.05)
    assert set(guard) == {name for name in (each.name for each in fields(StepCosts))
                          if name.startswith(("rules_", "windows_", "tokens_", "encoder", "token_"))
                          and "graph" not in name}  # fmt: skip
    assert guard["tokens_prompt"] < guard["tokens_window"] <= 128 * guard["windows_window"]
    assert min(*guard.values(), *log.values()) >= 0
    assert log["request_bytes"] > 300
    assert scale_steps.line((1, 2, 3), (2.0, 4.0, 6.0)) == pytest.approx((0.0, 2.0))
    assert scale_steps.line((1, 2, 3), (1.0, 3.0, 5.0))[0] == 0.0  # never below zero


def test_the_command_tells_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["--check", "log", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[-1])[0]["clients"] == 1
    assert any("records/s" in each for each in printed)
    with pytest.raises(SystemExit):
        scale.main(["--engine", "none"])
