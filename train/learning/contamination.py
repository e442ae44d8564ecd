"""The check before a fit: nothing is trained on that the guard is measured with.

Rows of decisions are compared with every evaluation set; they and all other training rows with held-out seeds and with
the bypasses that were never learnt from. By words in a row and by likeness, as `train.overlap` has it: that a question
names a CVE which an item names gives a guard nothing away.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from train import decontaminate, evaluation_sets
from train.duplicates import normal
from train.evaluation_sets import Item
from train.guard_rows import Row
from train.learning import folder, regression, taught
from train.learning.conversation import digest
from train.learning.heldout import held_out_texts
from train.overlap import CVE, NAMED, Index, RowText

_SEEDS, _BYPASSES = "held-out seeds", "regression set"


@dataclass(frozen=True, slots=True)
class Checked:
    """Training rows with those of decisions among them. dropped: how many of either kind, by the set that they touch.

    digest: of the file of rows; taken: how many of its rows are left; replaced: rows whose text it labels anew.
    """

    rows: list[Row]
    digest: str
    taken: int
    replaced: int
    dropped: dict[str, dict[str, int]]

    def told(self) -> dict[str, object]:
        """For the card of the weights."""
        return {"guard_rows": self.digest, "rows": self.taken, "replaced": self.replaced, "dropped": self.dropped}


def join(rows: Sequence[Row], feedback: Path, data: Path, sets: Path = evaluation_sets.REGISTER) -> Checked:
    """Training rows and the rows of a folder that `train.feedback` filled, without what is held out.

    data: where the evaluation sets lie. Raises DatasetError, KnowledgeError, OSError.
    """
    told = folder.require_unchanged(feedback, [taught.NAME, regression.NAME])
    own = [line.row for line in folder.read(feedback, taught.NAME, taught.GuardRow)]
    held = Index(list(_held_out(feedback)))
    learnt, dropped = _apart(own, [held, decontaminate.index(data, sets, None)] if own else [])
    known = {row.text.casefold() for row in learnt}
    others = [row for row in rows if row.text.casefold() not in known]
    clean, more = _apart(others, [held] if held.items else [])
    counts = {"feedback": dict(sorted(dropped.items())), "others": dict(sorted(more.items()))}
    return Checked(
        [*clean, *learnt], told["files"][taught.NAME]["sha256"], len(learnt), len(rows) - len(others), counts
    )


def _held_out(feedback: Path) -> Iterable[Item]:
    for text in held_out_texts():
        yield Item(_SEEDS, digest(text), text, text)
    for row in folder.read(feedback, regression.NAME, regression.Bypass):
        if row.held_out:
            yield Item(_BYPASSES, row.digest, row.text, row.text)


def _apart(rows: Sequence[Row], indexes: Sequence[Index]) -> tuple[list[Row], Counter[str]]:
    """The rows that touch nothing, and how many touch each set; a text without words, such as Morse, only its equal."""
    same = {normal(item.whole): item.set for index in indexes for item in index.items}
    clean, dropped = list[Row](), Counter[str]()
    for row in rows:
        touched = {same[said]} if (said := normal(row.text)) in same else _touched(row.text, indexes)
        dropped.update(touched)
        if not touched:
            clean.append(row)
    return clean, dropped


def _touched(text: str, indexes: Sequence[Index]) -> set[str]:
    compared = (index.compare(RowText("", text, text)) for index in indexes)
    return {touch.set for each in compared for touch in each.touches if touch.test not in (CVE, NAMED)}
