"""Rows that teach the guard: a text once, and none about which two verdicts differ."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from train.guard_rows import NAMES, UNKNOWN, Row
from train.learning.cases import Case
from train.learning.verdicts import Label, Proof

NAME = "guard_rows.jsonl"


class GuardRow(BaseModel):
    """One line of the file; `about` is the request whose text it is, `lineage` the records that say its label."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    text: str = Field(min_length=1)
    label: Label
    source: str
    about: str
    lineage: tuple[Proof, ...] = Field(min_length=1)

    @property
    def row(self) -> Row:
        """As `train.fit_guard` trains on it; an override says nothing of the intent."""
        intent = NAMES.index(self.label) if self.label in NAMES else UNKNOWN
        return Row(self.text, intent, int(intent == UNKNOWN), self.source)


def rows(cases: Iterable[Case], never: frozenset[str], left_out: Counter[str]) -> list[GuardRow]:
    """By digest. never: digests that must not teach; what is left out is counted by reason. Decisions go before tools.

    Of several that say the same, the first.
    """
    by_name: dict[str, list[Case]] = {}
    for case in cases:
        if case.held_out or case.name in never:
            left_out["held out"] += 1
        else:
            by_name.setdefault(case.name, []).append(case)
    made = []
    for name, same in sorted(by_name.items()):
        standing = [case for case in same if not case.verdict.by_tool] or same
        if len({case.verdict.label for case in standing}) > 1:
            left_out["verdicts differ"] += len(same)
        else:
            left_out["same text"] += len(same) - 1
            made.append(_row(name, standing[0]))
    return made


def _row(name: str, case: Case) -> GuardRow:
    verdict = case.verdict
    source = f"feedback/{'finding' if verdict.by_tool else 'decision'}"
    return GuardRow(
        digest=name, text=case.text, label=verdict.label, source=source, about=verdict.about, lineage=verdict.proofs
    )
