"""Questions about two things: "Does APT28 use Mimikatz?" What joins them is the answer, or that nothing does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import log

from deployments.knowledge.identifiers import Identifier
from deployments.knowledge.lookup import links_between, look_up
from deployments.knowledge.mentions import Mention
from deployments.knowledge.naming import EVERYDAY
from deployments.knowledge.pack import Pack
from deployments.knowledge.search import asked

_YES_OR_NO = re.compile(r"(?i)^\W*(?:does|do|did|is|are|was|were|has|have|can|could|will|would)\b")
_AROUND = 2  # words beside two names that still only join them
_RARE = 0.5  # of the weight of a word that stands nowhere: from there a name is surely meant as one


@dataclass(frozen=True, slots=True)
class Pair:
    """The rows of two things that a question names, and where. joined: a link leads from one to the other."""

    one: int
    two: int
    joined: bool
    spans: tuple[tuple[int, int], ...] = ()


def pair(pack: Pack, question: str, identifiers: Sequence[Identifier], mentions: Sequence[Mention]) -> Pair | None:
    """The two things that a question asks to be held against each other; None where it does not.

    Two identifiers are held against each other in any question. With a name among them it must be one for yes or no.
    """
    named = [(each.start, each.end, _rows(pack, each)) for each in identifiers]
    asks, rare = bool(_YES_OR_NO.match(question)), _RARE * log(1 + len(pack))
    for mention in mentions if asks else ():
        apart = all(mention.end <= start or end <= mention.start for start, end, _ in named)
        if apart and mention.weight >= rare:
            named.append((mention.start, mention.end, mention.rows))
    if len(named) != 2 or not all(rows for _, _, rows in named):
        return None
    one, two = named[0][2], named[1][2]
    spans = tuple((start, end) for start, end, _ in named)
    wider = product((*one, *_parts(pack, one)), (*two, *_parts(pack, two)))
    found = next((each for each in (*product(one, two), *wider) if links_between(pack, *each)), None)
    if found:
        return Pair(*found, joined=True, spans=spans)
    return Pair(one[0], two[0], joined=False, spans=spans) if asks and _bare(question, named) else None


def _bare(question: str, named: Sequence[tuple[int, int, tuple[int, ...]]]) -> bool:
    """Whether a question says little but the two names; else it may ask of something that no link tells."""
    for start, end, _ in sorted(named, reverse=True):
        question = f"{question[:start]} {question[end:]}"
    return len(set(asked(question)) - EVERYDAY) <= _AROUND


def _parts(pack: Pack, rows: Sequence[int]) -> list[int]:
    """The sub-techniques of techniques: whoever uses one of them uses the technique."""
    links = (link for row in rows if pack.kind(row) == "technique" for link in pack.into(row))
    return [link.subject for link in links if link.predicate == "child_of"]


def _rows(pack: Pack, identifier: Identifier) -> tuple[int, ...]:
    return tuple(thing.row for thing in look_up(pack, identifier).things)
