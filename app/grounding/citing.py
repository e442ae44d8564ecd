"""Marks in a model's answer: first the words of the record that fits best; behind a sentence the records that say much
the same; a flag at identifiers that the knowledge base has not.

A mark behind a model's sentence says that sentence and record share most of their telling words. It is no proof that
the sentence is true; what is quoted is the record's.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from deployments.generation import Piece, Sampling
from deployments.knowledge.consultation import Passage, Source
from deployments.knowledge.identifiers import find
from deployments.knowledge.quoting import beginning
from deployments.knowledge.words import ASKING, stem, words
from deployments.ports import ModelPort

FURTHER = "To read next:"
OPENING = "From the knowledge base,"
QUOTED = 300  # characters of a record at the beginning of an answer
FLAG = " [not in the knowledge base]"
UNSURE = " [not checked]"  # where there is no knowledge base, or it did not answer
SHARED = 0.6  # of a sentence's telling words that its record has
_FEWEST = 4  # telling words that a sentence has to have
_LONGEST = 600  # characters after which a sentence is taken for one
_END = re.compile(r"(?<=[.!?])[)\]\"'*_]*(?=\s)|(?=\n)")
_CODE = "```"

Unknown = Callable[[str], Awaitable[list[str] | None]]


class Cited:
    """A ModelPort whose answers are marked, and begin with a quotation where there are records.

    unknown: the identifiers of a text that the pack has not, None where that cannot be told; flagged: where they are
    noted, each once.
    """

    def __init__(self, model: ModelPort, passages: Sequence[Passage], unknown: Unknown, flagged: list[str]) -> None:
        self._model, self._unknown, self._flagged = model, unknown, flagged
        self._records = [(each.source.id, frozenset(_telling(f"{each.source.title} {each.text}"))) for each in passages]
        self._opening, self._fences = _quotation(passages[0]) if passages else "", 0
        self._ending = _further([each.source for each in passages[1:]])

    async def problem(self) -> str | None:
        """See ModelPort."""
        return await self._model.problem()

    async def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """See ModelPort; text comes by whole sentences."""
        held, last = "", None
        if self._opening:
            yield Piece(self._opening, 0)
        async with aclosing(self._model.stream(prompt, sampling, digest)) as pieces:
            async for piece in pieces:
                held, last, ready = held + piece.text, piece, ""
                while end := _sentence(held):
                    ready, held = ready + await self._marked(held[:end]), held[end:]
                if ready and piece.finish_reason is None:
                    yield Piece(ready, piece.tokens)
                elif piece.finish_reason is not None:
                    held = ready + await self._marked(held)
        if last is not None:
            yield replace(last, text=held.rstrip() + self._ending if self._ending else held)

    async def _marked(self, sentence: str) -> str:
        self._fences += sentence.count(_CODE)
        if self._fences % 2 or _CODE in sentence:
            return sentence
        return self._cited(await self._with_flags(sentence))

    async def _with_flags(self, sentence: str) -> str:
        named = find(sentence)
        if not named:
            return sentence
        said = await self._unknown(sentence)
        strange = {each.id for each in named} if said is None else set(said)
        if said is not None:
            self._flagged += [each for each in dict.fromkeys(said) if each not in self._flagged]
        for each in reversed([one for one in named if one.id in strange]):
            flag = UNSURE if said is None else FLAG
            sentence = f"{sentence[: each.end]}{flag}{sentence[each.end :]}"
        return sentence

    def _cited(self, sentence: str) -> str:
        telling = set(_telling(sentence))
        if len(telling) < _FEWEST:
            return sentence
        shares = {name: len(telling & record) / len(telling) for name, record in self._records}
        best = [name for name, share in shares.items() if share >= SHARED and f"[{name}]" not in sentence]
        body = sentence.rstrip()
        return f"{body} [{', '.join(best)}]{sentence[len(body) :]}" if best else sentence


def _quotation(passage: Passage) -> str:
    """The beginning of a record, with its mark."""
    return f"{OPENING} {passage.source.title}: {beginning(passage.text, QUOTED)} [{passage.source.id}]\n\n"


def _further(sources: Sequence[Source]) -> str:
    """The records that were found beside the one that is quoted."""
    named = "; ".join(f"{each.title} [{each.id}]" for each in sources)
    return f"\n\n{FURTHER} {named}." if named else ""


def _telling(text: str) -> list[str]:
    return [stem(word) for word in words(text) if word not in ASKING]


def _sentence(text: str) -> int:
    """Where the first sentence of a text ends, once that is known; 0 until then."""
    for found in _END.finditer(text):
        if text[: found.end()].strip():
            return found.end()
    return text.rfind(" ", 0, _LONGEST) + 1 or _LONGEST if len(text) > _LONGEST else 0
