"""A thing that a question describes and does not name: "what helps against someone dumping LSASS?" """

import re
from collections.abc import Sequence

from deployments.knowledge.concepts import PLAIN, Cue, heads
from deployments.knowledge.lookup import is_empty
from deployments.knowledge.masking import masked
from deployments.knowledge.naming import EVERYDAY, Hints, in_domain
from deployments.knowledge.pack import Pack
from deployments.knowledge.relations import BY_KIND, Relation, kinds_with
from deployments.knowledge.search import Hit, Search

_NEAR = 0.45  # cosine at which meaning alone is believed
_SHARE = 0.5  # of the words of a question, by rarity, that a thing found by search must have
_CLOSE = 0.9  # of the best hit's score; of hits that near each other, one in the domain that is meant
_DESCRIBED = frozenset(
    {"technique", "attack_pattern", "weakness", "group", "malware", "tool", "campaign", "mitigation"}
)  # kinds that a question may describe instead of naming one
_ABOUT_ANOTHER = re.compile(
    r"(?i)^\W*(?:how|why) (?:do(?:es)?|did|is|are) (?!i |we |you |one |it )"
)  # no wish for help

_STANDS = re.compile(
    r"(?i)^\W*(?:which|what)\s+(?:mitre\s+)?(?:att&ck\s+)?(?:cwe|capec|weakness|technique|attack pattern|pattern|entry)"
    r"(?:\s+(?:entry|id|identifier|number))?\s+"
    r"(?:stands? for|covers?|describes?|is (?:about|for|called)|names?|means?|refers? to)\b"
)


class Describer:
    """Search for what is described, once a question says plainly what it wants. Safe for several threads."""

    def __init__(self, pack: Pack, search: Search) -> None:
        self._pack, self._search = pack, search

    def find(self, question: str, cues: Sequence[Cue], hints: Hints) -> tuple[int, Relation] | None:
        """The row of the thing that fits best and has what is asked for; None where nothing is near enough."""
        plain = [cue for cue in heads(cues) if cue.weight >= PLAIN and kinds_with(cue.concept) & _DESCRIBED]
        if not plain or _ABOUT_ANOTHER.search(question):
            return None
        concept = min(plain, key=lambda cue: (cue.start, -cue.weight)).concept  # what comes after it describes
        rest = masked(question, [(cue.start, cue.end) for cue in plain if cue.concept == concept])
        kinds = hints.narrowed(kinds_with(concept) & _DESCRIBED)
        hits = self._search.find(rest, 5, kinds) if kinds else []
        near = [hit for hit in hits if hit.score >= _CLOSE * hits[0].score and self._believed(rest, hit, hints)]
        found = [(hit.row, BY_KIND[self._pack.kind(hit.row), concept]) for hit in near]
        told = [(row, relation) for row, relation in found if not is_empty(self._pack, row, relation)]
        return min(told, key=lambda each: not in_domain(self._pack.thing(each[0]), hints), default=None)

    def named_by(self, question: str, hints: Hints) -> int | None:
        """The row of the entry that is wanted by what it stands for: "which CWE covers hard-coded passwords?" """
        found = _STANDS.match(question)
        kinds = hints.kinds & _DESCRIBED
        if not found or not kinds:
            return None
        rest = question[found.end() :]
        hits = self._search.find(rest, 1, kinds)
        return hits[0].row if hits and self._believed(rest, hits[0], hints) else None

    def _believed(self, rest: str, hit: Hit, hints: Hints) -> bool:
        thing = self._pack.thing(hit.row)
        share = self._search.share(rest, f"{thing.name} {thing.text}", hints.words | EVERYDAY)
        return hit.meaning >= _NEAR or share >= _SHARE
