"""What a search varies: rank, learning rate, and how often the families that keep a tutor safe are drawn."""

from collections.abc import Mapping
from typing import Any

from train.lora.plan import MIX, Plan

RANKS = (4, 8, 16, 32)
RATES = (1e-4, 3e-3)  # drawn evenly by logarithm
WEIGHTS = (0.5, 4.0)  # of the families refuse, lesson and benign, beside 1 for the others; by logarithm too


def param_space() -> dict[str, Any]:
    """The space as Ray Tune draws from it."""
    from ray import tune

    return {"rank": tune.choice(RANKS), "rate": tune.loguniform(*RATES), "weight": tune.loguniform(*WEIGHTS)}


def plan_of(base: Plan, drawn: Mapping[str, float]) -> Plan:
    """The plan of a trial: what was drawn in place of the base's, alpha at twice the rank, and no early stop.

    Which trial is worth going on with is for the scheduler to say, who sees all of them. Few rows are gone through
    again until the last step: trials compare at equal steps only.
    """
    rank = int(drawn["rank"])
    mix = base.mix | dict.fromkeys(MIX, float(drawn["weight"]))
    changed: dict[str, Any] = {"rank": rank, "alpha": 2 * rank, "rate": float(drawn["rate"]), "mix": mix, "patience": 0}
    changed["epochs"] = max(base.epochs, base.steps)
    return Plan.model_validate(base.model_dump() | changed)
