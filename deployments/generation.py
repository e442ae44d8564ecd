"""What every engine is asked and gives: sampling wishes in, pieces of text out. Free of torch and of Ray."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens. temperature 0 is greedy; `seed` None draws one; `stop` strings end the answer.

    `repetition` over 1 makes tokens that the answer already holds less likely (Keskar et al. 2019, section 4.1).
    """

    max_tokens: int
    temperature: float = 0.2
    top_p: float = 0.9
    repetition: float = 1.1
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer; `tokens` counts all generated so far; the last piece has a finish_reason."""

    text: str
    tokens: int
    finish_reason: str | None = None


class Engine(Protocol):
    """What every driver offers."""

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Piece]:
        """Generate from token ids; closing the iterator frees its slot before the next step."""
        ...


class StopWords:
    """Holds back text that could still become a stop string."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = [word for word in stop if word]
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Text that may go out, and whether a stop string was met (it and what follows are dropped)."""
        self._held += text
        hits = [at for at in (self._held.find(word) for word in self._stop) if at >= 0]
        if hits:
            out, self._held = self._held[: min(hits)], ""
            return out, True
        keep = max(
            (n for word in self._stop for n in range(1, len(word)) if self._held.endswith(word[:n])),
            default=0,
        )
        cut = len(self._held) - keep
        out, self._held = self._held[:cut], self._held[cut:]
        return out, False

    def flush(self) -> str:
        """What is held when the answer ends without a stop string."""
        out, self._held = self._held, ""
        return out
