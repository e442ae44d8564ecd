"""Which promotion a rollback goes back to, and what a run says of itself in the log."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.record import Kind
from tests.unit.train.promotion_fixture import DATASET, Site
from train.errors import GateError
from train.lora.plan import Plan
from train.lora.run_file import RunFile
from train.promotion import history
from train.promotion.history import Promoted
from train.promotion.ppm import MOST, ppm
from train.promotion.run_record import RunState, run_entry


def told(models: str) -> list[Promoted]:
    """A promotion per letter; `o` is the base alone."""
    return [
        Promoted(10 * at, f"id-{at}", {"model_digest": each, "adapter_digest": None if each == "o" else f"of {each}"})
        for at, each in enumerate(models)
    ]


@pytest.mark.parametrize(
    ("promoted", "target"), [("oa", "o"), ("oab", "a"), ("oaba", "o"), ("oaab", "a"), ("oabao", None), ("a", None)]
)
def test_a_rollback_goes_one_promotion_back_and_never_to_and_fro(promoted: str, target: str | None) -> None:
    if target is None:
        with pytest.raises(GateError, match="expected an earlier promotion to go back to, found none"):
            history.before(told(promoted))
    else:
        assert history.before(told(promoted)).model == target


@given(st.text(alphabet="oabc", min_size=1, max_size=12))
def test_rollbacks_one_after_another_come_to_the_first_promotion_and_end(promoted: str) -> None:
    path = told(promoted)
    seen = {path[-1].model}
    for _ in range(4):
        try:
            target = history.before(path)
        except GateError:
            break
        assert target.model not in seen, "a model that was rolled back came back"
        seen.add(target.model)
        path.append(Promoted(path[-1].idx + 10, "next", target.fields))
    assert path[-1].model == promoted[0]


def test_a_model_is_found_by_its_own_digest_or_its_adapters() -> None:
    path = told("oaba")
    assert history.find(path, "a").idx == 30
    assert history.find(path, "of b").idx == 20
    assert history.base_alone(path).idx == 0
    with pytest.raises(GateError, match=r"one of \['a', 'b', 'o'\], got 'x'"):
        history.find(path, "x")
    with pytest.raises(GateError, match="base alone"):
        history.base_alone(told("ab"))
    assert (history.last(path), history.last([])) == (30, -1)


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.floats()))
def test_every_measure_that_is_a_number_is_whole_parts_per_million(metrics: dict[str, float]) -> None:
    found = ppm(metrics)
    assert all(type(value) is int and abs(value) <= MOST for value in found.values())
    for name, value in metrics.items():
        if abs(value) < 1e9:
            assert found[name] == round(value * 1_000_000)
        elif not abs(value) < 1e10:
            assert name not in found


def test_a_run_is_a_record_of_its_kind_that_the_log_holds_once() -> None:
    state = RunState("a", "train.finetune", "tiny", "d" * 64, Plan(), metrics={"loss": 1.25, "worst": float("nan")})
    one, again = state.entry("failed"), state.entry("failed")
    assert (one.kind, one.actor, one.request_id) == (Kind.run, "train.finetune", again.request_id)
    assert one.fields["metrics"] == {"loss": 1_250_000}
    assert one.fields["config_digest"] == Plan().digest
    assert state.entry("started").request_id != one.request_id


def test_a_run_that_ended_tells_its_record_out_of_its_own_paper(tmp_path: Path) -> None:
    run = RunFile.read(Site(tmp_path).adapter())
    entry = run_entry(run)
    assert (entry.kind, entry.actor, entry.fields["status"]) == (Kind.run, "train.finetune", "finished")
    assert (entry.fields["dataset_digest"], entry.fields["adapter_digest"]) == (DATASET, run.adapter_digest)
    assert entry.fields["metrics"] == {"eval_loss": 1_250_000}
