"""Why an adapter may not be promoted: papers about different things, rules that do not hold, another champion."""

from collections.abc import Sequence

from train.evaluation import gate
from train.promotion.case import Case
from train.promotion.history import Promoted


def reasons(case: Case, history: Sequence[Promoted]) -> list[str]:
    """A sentence each; none when the adapter may be promoted over what is active now."""
    return [*case.disagreements(), *_failures(case), *_other_champion(case, history)]


def _failures(case: Case) -> list[str]:
    """The rules as they are today, held against what was measured; that the file calls it passed is not enough."""
    found = gate.failures(case.evaluation.measures)
    if not found and not case.evaluation.passed:
        return ["evaluation.json: not passed: " + ("; ".join(case.evaluation.reasons) or "it gives no reason")]
    return found


def _other_champion(case: Case, history: Sequence[Promoted]) -> list[str]:
    """A candidate is compared with what it replaces. To promote once more what is active already is no change."""
    if not history or case.model_digest == (active := history[-1].model):
        return []
    compared = case.evaluation.champion.model_digest
    if compared == active:
        return []
    return [f"champion: expected an evaluation against the active model {active}, got one against {compared}"]
