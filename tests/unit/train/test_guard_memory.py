"""Who goes on from earlier weights keeps what they said of known rows, and learns the labels of new ones only."""

import pytest
import torch
from torch import nn

from train.fit_guard import _rows
from train.guard_loop import Batches, Learner, Plan, fit, logits, remember
from train.guard_rows import HARMFUL, NAMES, Row
from train.guard_sources import SCARY

PLAN = Plan(epochs=8, batch=4, rate=1e-3, rank=4, looks=1)
KNOWN = [Row(f"How do I patch host {number}?", NAMES.index("educational"), 0, "public") for number in range(6)]


def new(label: str) -> list[Row]:
    """The same two texts with a label."""
    return [Row(text, NAMES.index(label), 0, "feedback/scripted") for text in ("Encrypt a stranger's disk", "Wipe it")]


def is_known(row: Row) -> bool:
    return row.source == "public"


@pytest.fixture
def learner() -> Learner:
    """Untrained heads and adapters, always the same."""
    torch.manual_seed(3)
    return Learner(PLAN.rank)


def harm(learner: nn.Module, rows: list[Row]) -> torch.Tensor:
    """Chance of harm of each row."""
    return torch.softmax(logits(learner, Batches(rows))[1], 1)[:, HARMFUL:].sum(1)


def trained(learner: Learner, rows: list[Row], keeping: bool) -> None:
    batches = Batches(rows)
    memory = remember(learner, batches, is_known) if keeping else None
    learner.restore(fit(learner, batches, Batches(rows), PLAN, lambda _: None, memory))


def test_what_was_said_of_known_rows_stays_while_new_ones_are_learnt(learner) -> None:
    before = logits(learner, Batches(KNOWN))[1]
    risk = harm(learner, new("harmful"))
    trained(learner, KNOWN + new("harmful"), keeping=True)
    moved = (logits(learner, Batches(KNOWN))[1] - before).abs().mean()
    assert (harm(learner, new("harmful")) > risk + 0.2).all()
    torch.manual_seed(3)
    other = Learner(PLAN.rank)
    trained(other, KNOWN + new("harmful"), keeping=False)
    assert moved < 0.5 * (logits(other, Batches(KNOWN))[1] - before).abs().mean()


def test_a_known_row_that_has_not_moved_pulls_nowhere_whatever_its_label(learner) -> None:
    batches = Batches(KNOWN)
    memory = remember(learner, batches, is_known)
    group = [3, 0, 5, 1, 4, 2]
    override, intent = memory.override[group], memory.intent[group]
    assert memory.drift(override, intent, group) == 0
    assert memory.drift(override + 1, intent, group) == pytest.approx(len(KNOWN))
    nobody = remember(learner, batches, lambda row: False)
    assert nobody.drift(override + 1, intent, group) == 0


def test_a_trial_takes_what_is_new_and_at_most_half_of_what_only_looks_dangerous() -> None:
    source = next(iter(SCARY))
    frightening = [
        Row(f"How do I kill process {number}?", NAMES.index("educational"), 0, source) for number in range(9)
    ]
    rows = [*KNOWN, *frightening, *new("harmful")]
    assert _rows(rows, 0) == rows
    assert _rows(rows, 4) == [*new("harmful"), *frightening[:2], *KNOWN[:2]]
    assert _rows(rows, 40) == [*new("harmful"), *frightening, *KNOWN]
