"""Every exchange whose right outcome is known, with its text: what all files of `train.feedback` are made of."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from train.learning import asking, verdicts
from train.learning.asking import Ask, Exchange, Finding, Opened
from train.learning.conversation import asked, digest
from train.learning.heldout import Repertoire
from train.learning.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """An exchange and the verdict on it.

    technique: of the first attack that it was, None where nobody attacked. held_out: it may be measured with, never
    learnt from. bypass: it should have been refused and was not. text: what was asked, by which rows are named.
    """

    verdict: Verdict
    exchange: Exchange
    technique: str | None
    held_out: bool
    bypass: bool
    text: str

    @property
    def name(self) -> str:
        """SHA-256 of the text."""
        return digest(self.text)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Cases, oldest first; all texts that were opened; why other items are no case."""

    cases: tuple[Case, ...]
    opened: Opened
    left_out: Counter[str]


def gather(ask: Ask, means: AbstractSet[str], further: Iterable[str] = ()) -> Gathered:
    """Ask the log. further: requests whose text is to be opened besides. Raises what `ask` raises, DatasetError."""
    found, left_out = verdicts.settled(asking.reviews(ask), means)
    attacks, repertoire = asking.findings(ask), Repertoire.load()
    known = verdicts.certain(attacks, repertoire) | found  # what people said goes before what a seed says
    opened = asking.exchanges(ask, {*known, *further})
    by_request = _by_request(attacks)
    cases = [
        _case(known[name], exchange, by_request.get(name, []), repertoire)
        for name, exchange in opened.exchanges.items()
        if name in known
    ]
    left_out["text gone"] = len(opened.closed & known.keys())
    left_out["no conversation"] = len(opened.garbled & known.keys())
    return Gathered(tuple(cases), opened, left_out)


def _by_request(attacks: Iterable[Finding]) -> dict[str, list[Finding]]:
    made: dict[str, list[Finding]] = defaultdict(list)
    for one in attacks:
        made[one.about].append(one)
    return made


def _case(verdict: Verdict, exchange: Exchange, attacks: Sequence[Finding], repertoire: Repertoire) -> Case:
    return Case(
        verdict, exchange, attacks[0].attack if attacks else None, any(map(repertoire.held_out, attacks)),
        verdicts.bypassed(verdict, exchange.action, attacks), asked(exchange.turns),
    )  # fmt: skip
