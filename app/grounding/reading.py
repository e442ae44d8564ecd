"""Who answers, and from which prompt: the graph by itself, or the model with records before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.grounding.citing import Cited
from app.grounding.fencing import fenced
from app.grounding.grounds import Grounds
from app.grounding.recital import Recital
from app.wire import ChatRequest
from deployments.chat import SYSTEM, ChatFormat, Turn
from deployments.generation import Sampling
from deployments.ports import KnowledgePort, ModelPort
from guards.stream import Uncut, Windows

BUDGET = 400  # tokens that records may add to a prompt: on a CPU each costs the reader time


@dataclass(frozen=True, slots=True)
class Reader:
    """Who answers, from these token ids, and how the answer is cut."""

    model: ModelPort
    prompt: Sequence[int]
    windows: type[Windows] = Windows


def begin(
    model: ModelPort, chat: ChatFormat, library: KnowledgePort, asked: ChatRequest, prompt: Sequence[int],
    sampling: Sampling, grounds: Grounds,
) -> Reader:  # fmt: skip
    """The reader of a question; takes records that find no room out of `grounds`.

    The model's words are always marked: also without a knowledge base no identifier stands as if it were looked up.
    """
    if grounds.text:
        return Reader(Recital(grounds.text), (), Uncut)
    room = min(len(prompt) + BUDGET, chat.context - sampling.max_tokens)
    longer = prompt
    while grounds.passages:
        longer = chat.encode([Turn("system", SYSTEM), *fenced(asked.turns, grounds.passages)])
        if len(longer) <= room:
            break
        grounds.passages, longer = grounds.passages[:-1], prompt
    grounds.sources = [each.source for each in grounds.passages]
    return Reader(Cited(model, grounds.passages, library.unknown, grounds.unknown), longer)
