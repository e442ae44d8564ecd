"""The rules of the search: what a trial trains by, which trial is best, and how the outcome is told."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.train.tiny_model import write_model
from train import tune
from train.errors import RunError
from train.lora.plan import MIX, Plan
from train.lora.run_file import Named, Rows
from train.search.manifest import NAME, Best, Look, Trial, ranked, table
from train.search.space import RANKS, param_space, plan_of
from train.search.trials_figure import draw

LOSSES = st.floats(0.1, 9.0)


def trial(name: str, losses: list[float], state: str = "finished") -> Trial:
    looks = [Look(step=10 * (n + 1), eval_loss=loss) for n, loss in enumerate(losses)]
    return Trial(name=name, rank=8, rate=1e-3, weight=2.0, state=state, looks=looks)


@given(st.sampled_from(RANKS), st.floats(1e-4, 3e-3), st.floats(0.5, 4.0))
def test_a_trial_varies_what_was_drawn_and_nothing_else(rank, rate, weight) -> None:
    base = Plan(steps=60, rows=2000, mix={"define": 3.0})
    plan = plan_of(base, {"rank": rank, "rate": rate, "weight": weight})
    assert (plan.rank, plan.alpha, plan.rate, plan.patience, plan.epochs) == (rank, 2 * rank, rate, 0, 60)
    assert plan.mix == {"define": 3.0} | dict.fromkeys(MIX, weight)
    changed = {"rank", "alpha", "rate", "mix", "patience", "epochs"}
    assert plan.model_dump(exclude=changed) == base.model_dump(exclude=changed)


def test_what_tune_draws_is_a_plan() -> None:
    drawn = {name: domain.sample() for name, domain in param_space().items()}
    assert plan_of(Plan(), drawn).rank in RANKS


@given(
    st.lists(st.tuples(st.lists(LOSSES, max_size=4), st.sampled_from(["finished", "stopped", "failed"])), min_size=1)
)
def test_a_finished_trial_is_before_one_that_was_ended_early(given_) -> None:
    trials = [trial(f"t{n}", losses, state) for n, (losses, state) in enumerate(given_)]
    order = ranked(trials)
    finished = [each for each in trials if each.state == "finished"]
    if finished:
        assert order[0].best == min(each.best for each in finished)
    assert sorted(each.name for each in order) == sorted(each.name for each in trials)
    assert table(trials).count("\n") == len(trials) + 2
    ET.fromstring(draw("a <title> & more", trials))  # noqa: S314 - our own text


def test_the_outcome_reads_back_and_another_file_is_refused(tmp_path) -> None:
    trials = [trial("a", [2.0, 1.5]), trial("b", [2.5], "stopped"), trial("c", [], "failed")]
    best = Best(
        name="s", best="a", plan=Plan(), metrics={"eval_loss": 1.5}, adapter="adapter", adapter_digest="0" * 64,
        base=Named(name="tiny", digest="1" * 64), dataset=Rows(name="teaching-set", digest="2" * 64, rows=3),
        trials=trials, seed=7, commit="", versions={}, seconds=1.0, command="",
    )  # fmt: skip
    (tmp_path / NAME).write_text(best.model_dump_json())
    assert Best.read(tmp_path) == best
    assert best.trials[2].best == float("inf")
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(RunError, match=r"expected best\.json of a search"):
        Best.read(tmp_path)


def test_a_plan_file_wins_over_what_a_search_does_by_default(tmp_path) -> None:
    given_ = ["--model", "m", "--data", "d", "--out", "o", "--name", "n"]
    plan = tune.base_plan(tune.parser().parse_args([*given_, "--rows", "7"]))
    assert (plan.steps, plan.rows, plan.every) == (60, 7, 15)
    (tmp_path / "plan.json").write_text(Plan(steps=5, every=5, rows=9).model_dump_json())
    plan = tune.base_plan(tune.parser().parse_args([*given_, "--plan", str(tmp_path / "plan.json"), "--every", "2"]))
    assert (plan.steps, plan.rows, plan.every) == (5, 9, 2)


def test_bad_input_is_told_before_anything_begins(tmp_path, capsys) -> None:
    model = write_model(tmp_path / "tiny")
    cases = {
        "--trials: expected 1 or more": {"--trials": "0"},
        "--max-concurrent: expected 1 or more": {"--max-concurrent": "0"},
        "--num-workers: expected 1 or more": {"--num-workers": "0"},
        "--every: expected at most --steps 3": {"--steps": "3", "--every": "4"},
        "nowhere": {"--model": str(tmp_path / "nowhere")},
        "plan:": {"--rank": "0"},
    }
    for message, changed in cases.items():
        options = {"--model": str(model), "--data": "d", "--out": str(tmp_path / "out"), "--name": "n"} | changed
        assert tune.main([word for pair in options.items() for word in pair]) == 2, message
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
