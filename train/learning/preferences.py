"""Preferences out of verdicts: where harm was answered, a refusal that offers something; where a harmless question was
refused, the answer that reviewers accepted for the same conversation.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from deployments.chat import SYSTEM, Turn
from guards import rules
from guards.offers import offer
from guards.policy import Policy
from train.learning.cases import Case
from train.learning.conversation import digest
from train.learning.verdicts import Label, Proof
from train.preference.complying import goes_along, harmless
from train.preference.pair import Pair, Side

NAME = "preference.jsonl"
CATEGORIES: dict[Label, str] = {
    "dual_use": "dual_use", "harmful": "harmful_operational", "other_harm": "other_harm", "override": "override",
}  # fmt: skip


class Preference(BaseModel):
    """One line of the file: a pair as `train.preference.pair` has it, and what it rests on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    side: Side
    origin: str
    split: str
    prompt: tuple[Turn, ...]
    chosen: str = Field(min_length=1)
    rejected: str = Field(min_length=1)
    about: str
    lineage: tuple[Proof, ...] = Field(min_length=1)

    @property
    def pair(self) -> Pair:
        """As `train.prefer` tunes on it."""
        return Pair(self.id, self.side, self.origin, self.split, self.prompt, self.chosen, self.rejected)


def rows(cases: Iterable[Case], never: frozenset[str], policy: Policy, left_out: Counter[str]) -> list[Preference]:
    """By id, each conversation once. never: digests that must not teach. What is left out is counted by reason."""
    usable = [case for case in cases if not case.held_out and case.name not in never]
    accepted = {_conversation(case): case.exchange.response for case in reversed(usable) if _accepted(case)}
    made: dict[str, Preference] = {}
    for case in usable:
        if case.bypass:
            found = _refusing(case, policy)
        elif _refused_falsely(case):
            found = _answering(case, accepted.get(_conversation(case)))
        else:
            continue
        if isinstance(found, Preference):
            made.setdefault(found.id, found)
        else:
            left_out[found] += 1
    return [row for _, row in sorted(made.items())]


def _accepted(case: Case) -> bool:
    reviewed, exchange = not case.verdict.by_tool, case.exchange
    return reviewed and case.verdict.expected == exchange.action == "ALLOW" and exchange.finished


def _refused_falsely(case: Case) -> bool:
    return case.verdict.expected == "ALLOW" and case.exchange.action == "REFUSE"


def _refusing(case: Case, policy: Policy) -> Preference | str:
    """The model's own answer that went along is the worse one; or why there is no pair."""
    answer, category = case.exchange.response, CATEGORIES.get(case.verdict.label)
    if category is None or not goes_along(answer):
        return "harm without an answer"
    if not harmless(answer) or _private(case.exchange.turns):
        return "what must not be kept"
    chosen = f"I will not help with that. {offer(policy, category, case.text)}"
    return _preference(case, "refuse", "feedback/answered", chosen, answer)


def _answering(case: Case, answer: str | None) -> Preference | str:
    """The refusal is the worse one; or why there is no pair."""
    refusal = case.exchange.response
    if not answer or not refusal:
        return "no accepted answer"
    if _private((*case.exchange.turns, Turn("assistant", answer))):
        return "what must not be kept"
    return _preference(case, "answer", "feedback/refused", answer, refusal)


def _private(turns: Sequence[Turn]) -> bool:
    """Whether a rule of the guard finds a secret or personal data: a model would learn it by heart."""
    return any(rules.secrets(turn.content) or rules.personal_data(turn.content) for turn in turns)


def _conversation(case: Case) -> str:
    return digest("\x00".join(f"{turn.role}\x00{turn.content}" for turn in case.exchange.turns))


def _preference(case: Case, side: Side, origin: str, chosen: str, rejected: str) -> Preference:
    prompt = (Turn("system", SYSTEM), *case.exchange.turns)
    return Preference(
        id=_conversation(case)[:32], side=side, origin=origin, split="train", prompt=prompt, chosen=chosen,
        rejected=rejected, about=case.verdict.about, lineage=case.verdict.proofs,
    )  # fmt: skip
