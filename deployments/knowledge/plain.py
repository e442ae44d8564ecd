"""Whether a question is nothing but a look-up, and how it reads without the names of what it asks about.

Names of techniques and tools read like wishes: "Which mitigations exist for OS Credential Dumping?" A guard that stops
such a question may look a second time, at these words instead. What is allowed so may get the graph's answer, never a
model's.
"""

import re
from collections.abc import Sequence

from deployments.knowledge.asking import Asked, How
from deployments.knowledge.concepts import PLAIN, Cue, wanted
from deployments.knowledge.masking import masked
from deployments.knowledge.naming import EVERYDAY, Hints
from deployments.knowledge.words import ASKING, fold, stem, stems, words

BARE = "What do the records say of it?"  # a question of which every word only points at records
_LONGEST = 160  # characters beside the names
_ODD = 1  # words that are neither function words nor looking up, at most
_NOUN = 3.0  # weight of a cue that calls what it wants by its name
_WRITTEN = re.compile(r"[\w .,;:?!'\"()/&+\u2013\u2014\u2018\u2019\u201c\u201d-]*")  # no line ends, no code, no mark-up
_LIST = re.compile(r"(?i)\W*(?:which|what|who|list|name|show|give|tell|enumerate|find|how (?:likely|severe|common))\b")
_COURTESY = re.compile(
    r"(?i)^\W*(?:(?:please|kindly|hi|hello|hey|quick question|in a nutshell|in short|briefly)\W+"
    r"|(?:can|could|would|will) you\W+)+"
)
_LIKELY = re.compile(r"(?i)^how likely (?:is|are) (?:it|they) to be (?:exploited|abused|attacked)\W*$")
_DOER = re.compile(
    r"(?i)\b(?:i|we|one|you|my|our|mine|ours|how to)\b|(?<!show )(?<!tell )(?<!give )\b(?:me|us)\b"
)  # somebody who wants to do something, and does not only want to know
_PROTECTS = frozenset({"mitigation", "detection", "rule", "defence", "component"})  # what one may want to do
_POINTING = frozenset(
    stems(
        "list name show give tell enumerate describe explain define find look record know known exist entry catalogue"
        " catalog id identifier each every all any link relate associate tie connect belong observe see seen report"
        " document file page overview summary rundown use come among whole full more other else also rely implement map"
        " correspond carry out under perform feature adopt favour favor apply through within exactly currently together"
        " concern regard about respect possible available common typical main s per employ deploy"
        " utilise utilize leverage exhibit display attribute connect link involve address"
    )
)  # words that only point at records
_MAKING = frozenset(
    stems(
        "best effective easiest quickest working write code script command create make build develop step payload"
        " exploit poc shell bypass evade avoid undetected without hack steal buy hire get run execute tutorial guide"
        " instruction paste source ignore forget disregard override pretend act answer reply print reveal"
    )
)  # words that want something made or done, or another tutor


def neutral(question: str, asked: Asked) -> str:
    """The question with "it" for every name, where it is nothing but a look-up of what is named; else empty.

    BARE where no word is left to judge. A question that is understood by search alone names nothing.
    """
    if not asked.named or any(each.how is How.search for each in asked.queries):
        return ""
    bare = _COURTESY.sub("", masked(question, asked.named))
    if _LIKELY.match(bare):
        return BARE
    if len(bare) > _LONGEST or not _WRITTEN.fullmatch(bare) or not _latin(bare):
        return ""
    if _DOER.search(bare) and not _wishes(asked) <= _PROTECTS:
        return ""
    odd = _odd(question, asked, asked.cues) - EVERYDAY
    if len(odd) > _ODD or odd & _MAKING:
        return ""
    nouns = [cue for cue in asked.cues if cue.weight >= _NOUN]
    listed = _LIST.match(bare) and not _DOER.search(bare) and asked.queries
    return BARE if listed and not _odd(question, asked, nouns) else bare


def _wishes(asked: Asked) -> set[str]:
    """The concepts that are asked for; of an identifier that nobody knows, those of the words beside it."""
    if asked.queries:
        return {each.relation.concept if each.relation else "definition" for each in asked.queries}
    beside = [cue for cue in asked.cues if not any(start <= cue.start < end for start, end in asked.named)]
    return {each for each, weight in wanted(beside).items() if weight >= PLAIN} or {"definition"}


def _latin(text: str) -> bool:
    return all(each.isascii() for each in fold(text) if each.isalpha())


def _odd(question: str, asked: Asked, cues: Sequence[Cue]) -> set[str]:
    """Stems beside names and cues that neither ask nor point at records."""
    rest = masked(question, [*asked.named, *((cue.start, cue.end) for cue in cues)])
    found = {stem(word) for word in words(rest) if word not in ASKING}
    return found - _POINTING - Hints.of(masked(question, asked.named)).words
