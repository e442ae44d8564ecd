"""The knowledge base is asked beside the guard's first check; what it gives is weighed here before anybody uses it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.grounding.grounds import GRAPH, MODEL, Grounds
from app.rulebook import Rules
from app.wire import ChatRequest
from deployments.knowledge.consultation import Consultation, Holdings, Passage
from deployments.knowledge.quoting import beginning
from deployments.ports import KnowledgePort
from guards.errors import GuardFault
from guards.guard import Guard
from guards.records import Reader, states
from guards.verdict import Action, Context, Decision, Stage

LONGEST = 480  # characters of a record that a model reads
TAUGHT_FROM = "dual_use"  # the one category whose lesson goes with records to read next


class NoKnowledge:
    """The KnowledgePort of a tutor without a knowledge base."""

    async def consult(self, question: str, before: str) -> Consultation | None:
        """Nothing is said."""
        return None

    async def unknown(self, text: str) -> list[str] | None:
        """Nothing can be told."""
        return None

    async def holdings(self) -> Holdings:
        """Nothing is held."""
        return Holdings()


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision about a question, now that it is known what it asks of the knowledge base, and its grounds."""

    decision: Decision
    grounds: Grounds


def begin(port: KnowledgePort, asked: ChatRequest) -> "asyncio.Task[Consultation | None]":
    """Ask about the last turn, which is the question, and follows what the same person asked before."""
    before = [each.text for each in asked.messages[:-1] if each.role == "user"]
    return asyncio.ensure_future(port.consult(asked.messages[-1].text, before[-1] if before else ""))


async def weigh(said: Consultation | None, decision: Decision, rules: Rules, asked: ChatRequest) -> Ruling:
    """What the guard's decision and the knowledge base's word make together."""
    if said is None:
        return Ruling(decision, Grounds())
    if said.outcome is not None:
        return await _by_graph(said, decision, rules.guard, asked)
    grounds = Grounds(said.pack)
    if decision.action in (Action.ALLOW, Action.REDACT):
        grounds.passages = await _clean(said.passages, rules.records)
        grounds.by, grounds.dropped = MODEL, len(said.passages) - len(grounds.passages)
    elif decision.category == TAUGHT_FROM and decision.action is Action.TEACH:
        grounds.passages = await _clean(said.passages, rules.records)
    grounds.sources = [each.source for each in grounds.passages]
    return Ruling(decision, grounds)


async def _by_graph(said: Consultation, decision: Decision, guard: Guard, asked: ChatRequest) -> Ruling:
    """A question that the graph answers alone; no model reads it, so names in it are data, and no wish."""
    grounds = Grounds(said.pack)
    if said.plain and len(asked.messages) == 1 and _stopped_for_its_wish(decision):
        second = await _look_again(said.plain, decision, guard)
        decision, grounds.plain = (second, said.plain) if second else (decision, "")
    if decision.action in (Action.ALLOW, Action.REDACT):
        grounds.by, grounds.outcome, grounds.text = GRAPH, said.outcome, said.text
        grounds.sources = said.sources
    elif decision.category == TAUGHT_FROM and decision.action is Action.TEACH:
        grounds.sources = said.sources
    return Ruling(decision, grounds)


def _stopped_for_its_wish(decision: Decision) -> bool:
    """Whether the guard stopped a question for what its words seem to want, or in doubt whether it is an order."""
    stopping = [each for each in decision.verdicts if each.action is not Action.ALLOW]
    return bool(stopping) and all(
        each.check == "intent" or (each.check == "override" and each.action is Action.TEACH) for each in stopping
    )


async def _look_again(plain: str, first: Decision, guard: Guard) -> Decision | None:
    """The same question without the names that it asks about; both looks are on record."""
    try:
        second = await guard.check(plain, Stage.PROMPT, Context(request=plain, history=(plain,)))
    except GuardFault:
        return None
    if second.action is not Action.ALLOW:
        return None
    return replace(second, verdicts=(*first.verdicts, *second.verdicts))


async def _clean(passages: Sequence[Passage], records: Reader) -> list[Passage]:
    """Of each record what only states something, at most LONGEST characters; without the others."""
    read = await asyncio.gather(*(_read(each, records) for each in passages))
    return [each for each in read if each.text]


async def _read(passage: Passage, records: Reader) -> Passage:
    """A check that could not run keeps the record out."""
    try:
        text = await records.read(passage.text)
    except GuardFault:
        text = ""
    title = passage.source.title if states(passage.source.title) else passage.source.id
    return Passage(replace(passage.source, title=title), beginning(text, LONGEST))
