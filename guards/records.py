"""What of a record a model may read to answer from: sentences that state something and speak to nobody.

A record is untrusted (indirect prompt injection, Greshake et al. 2023). Facts are told in the third person; an order
needs somebody to give it to. So what addresses, asks or commands, or carries code, marks or another language, is left
out by rules, and the guard looks at each sentence that remains: in a whole record a short order goes under.
"""

import asyncio
import re
from collections import OrderedDict
from typing import TYPE_CHECKING

from guards import english
from guards.normalize import canonical, views
from guards.verdict import Action, Context, Decision, Stage

if TYPE_CHECKING:
    from guards.guard import Guard

ORDERS_FROM = 0.5  # chance of an override from which a sentence goes: a lost fact costs less than an order obeyed
_MOST = 4000  # characters of a record that are read
_LONGEST = 600  # characters: what is longer is no sentence
_ENGLISH = 0.35  # share of letters in known words; a sentence full of names has more
_FEW = 20  # letters of which that share says little
_FENCED = re.compile(r"(?s)(```|~~~).*?(?:\1|\Z)")
_QUIET = re.compile(  # links become their words; notes and tags go
    r"!?\[([^\]\n]{0,200})\]\([^)\s]{0,400}\)|\(Citation:[^)]{0,200}\)"
    r"|\[?<sup>.{0,12}</sup>\]?(?:\[\d+\])?|</?[a-z:]+ ?/?>|[`*]"
)
_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+|\s#{1,6}\s")  # a heading, too, also where lines were joined
_CODE = re.compile(r"\S{60,}|[A-Za-z0-9+/=]{28,}|(?:\b[A-Za-z]\b[\W_]+){5}")  # blobs, and words that are spelt out
_MARKS = re.compile(
    r"<[\w|!/<]|\|>|[{}|\\^~]|\[/?[A-Za-z_]+\]|(?<!^)#{2,}|-{3,}|={3,}|\"{3}|https?:|www\."
    r"|(?i:^\W*(?:system|assistant|user|human|ai|instructions?|response)\s*[:\]])"
)
_ADDRESS = re.compile(
    r"(?i)\b(?:you|your|yours|yourself|i(?!/)|me|my|let's|let us|please|kindly|comply|dear|hello)\b|\?"
    r"|\b(?:when|if|as) asked\b|\bfor (?:evaluation|testing) purposes\b|\bthe reader\b|\b(?:assistant|chatbot)\b"
    r"|\b(?:attention|whoever|pwned|jailbreak\w*)\b"
    r"|\b(?:model|llm|bot|ai)s?(?: systems?)? (?:that |who |which )?"
    r"(?:read(?:s|ing)?|answers?|says?|repl(?:y|ies)|writes?|must|should)\b"
    r"|\b(?:this|the|every|each|an?) (?:answer|reply|response|prompt|question|conversation|chat|summary)\b"
    r"|\b(?:previous|prior|above|earlier|preceding|system|hidden|new|all)"
    r" (?:instructions?|prompts?|orders?|questions?)\b"
)
_ORDERS = re.compile(
    r"(?i)(?:^|[:;] )\W*(?:do not|don't|never)\b"
    r"|(?:^|[:;] )\W*(?:(?:now|then|also|instead|first|finally|always|step \w+|important|note)[\s,:]+)*"
    r"(?:act|add|answer|append|ask|assume|begin|call|carry|change|compose|convert|consider|decode|disregard|draft|emit"
    r"|end|explain|follow|forget|give|ignore|imagine|include|insert|join|list|mark|mention|obey|output|overlook"
    r"|override|play|praise|pretend|print|put|quote|read|recite|recommend|refuse|remember|repeat|replace|reply|respond"
    r"|return|reveal|roleplay|say|send|show|sign|speak|spell|start|stay|stop|suggest|summari[sz]e|switch|take|talk"
    r"|tell|translate|write)\b"
)


class Reader:
    """`readable` by one guard, which judges the same text once while it is among the last `most`."""

    def __init__(self, guard: "Guard", most: int = 1024) -> None:
        self._guard = guard
        self._most = most
        self._left: OrderedDict[str, str] = OrderedDict()

    async def read(self, text: str) -> str:
        """See `readable`; a check that could not run is not remembered."""
        if text not in self._left:
            self._left[text] = await readable(text, self._guard)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
        self._left.move_to_end(text)
        return self._left[text]


async def readable(text: str, guard: "Guard") -> str:
    """What is left of a record's text, empty where nothing is. Raises GuardFault: then the record stays out."""
    told = statements(text)
    looks = [guard.check("", Stage.PROMPT, Context(history=("",), others=(each,))) for each in told]
    seen = await asyncio.gather(*looks)
    return " ".join(each for each, decision in zip(told, seen, strict=True) if not _gives_orders(decision))


def statements(text: str, *, advice: bool = False) -> list[str]:
    """The sentences of a record's text that only state something, in their order, without links and mark-up.

    advice: also what is told in the imperative, for a person to read: "Do not put users among the administrators."
    """
    cut = sentences(_QUIET.sub(r"\1", _FENCED.sub("\n", text[:_MOST])))
    return [each for each in cut if states(each, advice=advice)]


def sentences(text: str) -> list[str]:
    """A text cut behind each end of a sentence and of a line."""
    return [" ".join(each.split()) for each in _END.split(text) if each.strip()]


def states(sentence: str, *, advice: bool = False) -> bool:
    """Whether a sentence states something, or gives advice, in plain English and addresses nobody. Rules alone."""
    plain = canonical(sentence)
    if len(sentence) > _LONGEST or views(sentence) != (plain,) or not _english(plain):
        return False
    rules = (_CODE, _MARKS, _ADDRESS) if advice else (_CODE, _MARKS, _ADDRESS, _ORDERS)
    return not any(rule.search(plain) for rule in rules)


def _english(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    foreign = sum(each.isalpha() and ord(each) > 0x24F for each in text)
    return foreign == 0 and (letters < _FEW or english.share(text) >= _ENGLISH)


def _gives_orders(decision: Decision) -> bool:
    """Whether the guard sees more than a wish in it: records of attacks speak of attacks."""
    found = any(each.action is not Action.ALLOW and each.check != "intent" for each in decision.verdicts)
    return found or decision.scores is None or decision.scores.override >= ORDERS_FROM
