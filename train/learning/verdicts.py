"""What an exchange was and what should have happened to it, as reviewers settled it or as its seed makes certain."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, get_args

from train.attack.seeds import EXPECTED, Expected
from train.learning.asking import Finding, Review
from train.learning.heldout import Repertoire

Label = Literal["educational", "dual_use", "harmful", "other_harm", "override"]
TOOL, BYPASS = "tool", "bypass"
_LABELS: dict[str | None, Label] = {label: label for label in get_args(Label)}
_EXPECTED: dict[str | None, Expected] = {action: action for action in get_args(Expected)}
_AT_ODDS = {("educational", "REFUSE"), ("dual_use", "REFUSE"), ("harmful", "ALLOW"), ("other_harm", "ALLOW"),
            ("override", "ALLOW")}  # fmt: skip
# What an attack out of a known seed teaches: what got past the guard, and all that was harmless: without these a guard
# would learn that a disguise is bad.
_HARM_TAUGHT, _HARMLESS_TAUGHT = frozenset({BYPASS, "caught"}), frozenset({"held", "false_refusal"})


@dataclass(frozen=True, slots=True)
class Proof:
    """A record that a verdict rests on. means: of a review, how it came about; of a finding, tool."""

    origin: str
    idx: int
    request_id: str
    means: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What request `about` was, and what should have happened; `proofs` are in the order of their log."""

    about: str
    label: Label
    expected: Expected
    proofs: tuple[Proof, ...]

    @property
    def by_tool(self) -> bool:
        """Whether no review has a part in it."""
        return all(proof.means == TOOL for proof in self.proofs)


def settled(reviews: Iterable[Review], means: AbstractSet[str]) -> tuple[dict[str, Verdict], Counter[str]]:
    """Verdicts by request, counting only what was said by these means; and why of other items there is none."""
    by_item: dict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        by_item[review.about].append(review)
    found, left_out = dict[str, Verdict](), Counter[str]()
    for about, said in by_item.items():
        made = _settled(said, means)
        if isinstance(made, Verdict):
            found[about] = made
        else:
            left_out[made] += 1
    return found, left_out


def certain(findings: Iterable[Finding], repertoire: Repertoire) -> dict[str, Verdict]:
    """Verdicts by request, of attacks by tools out of seeds of our own: a disguise inherits what its seed is."""
    found: dict[str, Verdict] = {}
    for one in findings:
        seed = repertoire.seed(one)
        if seed and one.outcome in (_HARM_TAUGHT if seed.harmful else _HARMLESS_TAUGHT):
            made = _verdict(one.about, seed.label, EXPECTED[seed.label], (_proof(one, TOOL),))
            if isinstance(made, Verdict):
                found[one.about] = made
    return found


def bypassed(verdict: Verdict, action: str | None, attacks: Iterable[Finding]) -> bool:
    """Whether what should have been refused was let through; where only a tool says so, to the very end.

    action: what the guard decided at the request; attacks: the findings about it.
    """
    if verdict.expected != "REFUSE":
        return False
    if verdict.by_tool:
        return any(one.outcome == BYPASS for one in attacks)
    return action == "ALLOW"


def _settled(said: Sequence[Review], means: AbstractSet[str]) -> Verdict | str:
    """The verdict on one item, or why there is none."""
    decided = said[0].state == "decided"
    if decided:
        standing = [review for review in said if review.decision in ("uphold", "overturn")][-1:]
    else:
        standing = list({review.reviewer: review for review in said if review.decision == "label"}.values())
    standing = sorted((one for one in standing if one.means in means), key=lambda one: (one.origin, one.idx))
    if len(standing) < (1 if decided else 2):
        return "by other means"
    last = standing[-1]
    return _verdict(last.about, last.label, last.expected, tuple(_proof(one, one.means) for one in standing))


def _verdict(about: str, label: str | None, expected: str | None, proofs: tuple[Proof, ...]) -> Verdict | str:
    known, action = _LABELS.get(label), _EXPECTED.get(expected)
    if known is None or action is None:
        return "without a label"
    return "label and action at odds" if (known, action) in _AT_ODDS else Verdict(about, known, action, proofs)


def _proof(one: Review | Finding, means: str) -> Proof:
    return Proof(one.origin, one.idx, one.request_id, means)
