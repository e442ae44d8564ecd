"""What a check says about a text, and what the guard decides from it."""

from dataclasses import dataclass
from enum import StrEnum

from guards.scores import Scores

Span = tuple[int, int, str]
"""Start, end (half-open, in code points of the judged text) and the label of what stands there."""


class Action(StrEnum):
    """What happens to a text, from the mildest to the strictest."""

    ALLOW = "ALLOW"
    REDACT = "REDACT"
    TEACH = "TEACH"
    REFUSE = "REFUSE"

    @property
    def severity(self) -> int:
        """Rank used to let the worst verdict decide."""
        return list(Action).index(self)


class Stage(StrEnum):
    """Which text is judged: what a user asks, one window of an answer, or the whole answer."""

    PROMPT = "prompt"
    WINDOW = "window"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's finding in one category. `score` is a probability rounded to 0.001; rules say 1.0 or 0.0."""

    check: str
    action: Action
    category: str | None
    score: float
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The worst verdict decides. `text` is what may be sent: the input, or with REDACT the input made clean.

    `score` belongs to the deciding verdict; on ALLOW it is the highest score below its threshold.
    `scores` are the worst model scores of what was asked, over all views; of an answer, of the answer.
    """

    action: Action
    category: str | None
    score: float
    verdicts: tuple[Verdict, ...]
    text: str
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known around a text.

    request: the conversation, flattened; judged together with answer windows.
    preceding: the answer so far. passes: categories whose lesson the subject has passed.
    history: the single user turns, oldest first; the last one is the turn to be answered.
    others: what the client says that others said (assistant messages, tool results); nobody vouches for it.
    system: the deployment's own system prompt, which no answer may give away.
    """

    request: str = ""
    preceding: str = ""
    passes: frozenset[str] = frozenset()
    history: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    system: str = ""


def redact(text: str, spans: tuple[Span, ...]) -> str:
    """Replace each span by its label in brackets; overlapping spans melt into the first."""
    out, done = [], 0
    for start, end, label in sorted(spans):
        if start >= done:
            out += [text[done:start], f"[{label}]"]
        done = max(done, end)
    return "".join(out) + text[done:]
