"""An answer read as a learner would: what it cites, what it names, whether it says that something is not known.

Nothing here trusts `preceptor.knowledge` alone: what counts stands in the text, and in `preceptor.sources` beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.knowledge.identifiers import Identifier, find
from tests.bench.answers_asked import Ask, Known
from tests.bench.answers_http import Reply

FLAG = " [not in the knowledge base]"
NOT_KNOWN = re.compile(r"\bnot known\b|\bno record\b|not in the knowledge base|\bunknown\b|could not be found", re.I)
_BRACKETS = re.compile(r"\[([^\[\]\n]+)\]")
_STIX = "--"
_OTHERS = "not meant here"  # how the graph tells namesakes apart
SAID = frozenset({"graph", "model", "alone"})  # the tutor spoke


@dataclass(frozen=True, slots=True)
class Mark:
    """How a reply fares. right: as the group asks; named: the same from the text alone, without any citation; lost:
    which part lost it, empty where it is right; passed_off: identifiers that are not real and not flagged."""

    right: bool
    named: bool
    lost: str = ""
    passed_off: tuple[str, ...] = ()


def cited(text: str, known: Known, sources: frozenset[str]) -> Iterator[str]:
    """Ids in brackets behind what they support; a bracket with anything else in it is none of ours."""
    for line in text.splitlines():
        if _OTHERS in line:
            continue
        for group in _BRACKETS.findall(line):
            names = [each.strip() for each in group.split(", ")]
            if all(name in sources or name in known for name in names):
                yield from names


def passed_off(text: str, known: Known) -> Iterator[str]:
    """Identifiers that the answer names, the base does not hold, and nothing beside them says so."""
    for line in text.splitlines():
        for each in find(line):
            told = NOT_KNOWN.search(line) or _is_flagged(line, each)
            if not told and each.id not in known and not known.is_quoted(each.id):
                yield each.id


def _is_flagged(line: str, name: Identifier) -> bool:
    """Flagged, or no identifier but the end of a STIX id, which is one as a whole."""
    return line[name.end :].startswith(FLAG) or line[: name.start].endswith(_STIX)


def mark(ask: Ask, reply: Reply, known: Known) -> Mark:
    """The mark of one reply."""
    made_up = tuple(dict.fromkeys(passed_off(reply.text, known))) if reply.by in SAID else ()
    if ask.group == "invented":
        return _unknown(ask, reply, made_up)
    right, named = (_set if ask.group == "relations" else _any)(ask, reply, known)
    right, named = right and not made_up, named and not made_up
    return Mark(right, named, "" if right else _lost(ask, reply, named), made_up)


def _unknown(ask: Ask, reply: Reply, made_up: tuple[str, ...]) -> Mark:
    """That it is not known stands on the line that names it, or right behind its name."""
    if reply.by not in SAID:
        return Mark(right=False, named=False, lost=_lost(ask, reply, named=False), passed_off=())
    lines = [line for line in reply.text.splitlines() if ask.subject in {each.id for each in find(line)}]
    right = any(NOT_KNOWN.search(line) for line in lines) and not made_up
    if not right and not made_up:  # it spoke of it without its name, as if it were real
        made_up = (ask.subject,) if not NOT_KNOWN.search(reply.text) else ()
    return Mark(right, right, "" if right else _lost(ask, reply, named=False), made_up)


def _set(ask: Ask, reply: Reply, known: Known) -> tuple[bool, bool]:
    """Exactly the ids that were asked for: cited and in the sources; or, the weaker, only named."""

    def asked_for(names: Iterator[str]) -> frozenset[str]:
        return frozenset(name for name in names if known.kind(name) in ask.kinds and name != ask.subject)

    if reply.by not in SAID:
        return False, False
    by_text = asked_for(cited(reply.text, known, reply.sources))
    told = "\n".join(line for line in reply.text.splitlines() if _OTHERS not in line)
    named = by_text | asked_for(each.id for each in find(told))
    return by_text == ask.expected and ask.expected <= reply.sources, named == ask.expected


def _any(ask: Ask, reply: Reply, known: Known) -> tuple[bool, bool]:
    """One of the expected records in the sources and cited; or, the weaker, an id or a name of them said."""
    if reply.by not in SAID:
        return False, False
    by_text = frozenset(cited(reply.text, known, reply.sources))
    said = {each.id for each in find(reply.text)} | by_text
    named = bool(said & ask.expected) or any(name.lower() in reply.text.lower() for name in ask.names)
    return bool(by_text & ask.expected & reply.sources), named


def _lost(ask: Ask, reply: Reply, named: bool) -> str:
    """Which part lost it, as far as it can be told from outside."""
    if reply.by in {"refused", "taught"}:
        return "guard, question"
    if reply.by == "stopped":
        return "guard, answer"
    if reply.by == "fault":
        return "fault"
    if ask.group == "free":
        if ask.expected & reply.sources:
            return "found, not cited"
        return "said, not cited" if named else "not found"
    if reply.by != "graph":
        return "not understood"
    return "not cited" if named else "understood otherwise"
