"""A question that follows another: "and which groups use it?" - with what "it" stands for in its place."""

import re

from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.lookup import State

_LONGEST = 16  # words: what is longer stands for itself
_POINTS = re.compile(r"(?i)\b(?:it|its|this|that|they|them|these|those)(?:\s+(?:one|technique|weakness|tool|group))?\b")


def followed(knowledge: Knowledge, question: str, before: str) -> str:
    """The question, its first pointing word replaced by the id of what the one before was about.

    As it is where it points at nothing, names something itself, or the one before was about no one thing.
    """
    points = _POINTS.search(question)
    if not before or not points or len(question.split()) > _LONGEST:
        return question
    itself = knowledge.ask(question)
    if itself.identifiers or itself.queries or itself.pair:
        return question
    subject = _subject(knowledge, before)
    return f"{question[: points.start()]}{subject}{question[points.end() :]}" if subject else question


def _subject(knowledge: Knowledge, question: str) -> str:
    """The one thing that a question is about; empty where there is none, or more than one."""
    asked = knowledge.ask(question)
    rows = {each.row for each in asked.queries}
    rows |= {thing.row for each in asked.identifiers if each.state is State.found for thing in each.things[:1]}
    return knowledge.pack.thing(rows.pop()).id if len(rows) == 1 else ""
