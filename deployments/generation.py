"""What every engine is asked and gives: sampling wishes in, pieces of text out. Free of torch and of Ray."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
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


class EngineError(Exception):
    """Root of the engine's errors."""


class AdapterDoesNotFit(EngineError):
    """The adapter is not one of this base, or is more than LoRA; nothing of it was kept."""


class AdapterHasNoEffect(EngineError):
    """The adapter was loaded but does not change the model's output; serving it would be a false claim."""


class EngineFull(EngineError):
    """As many answers wait as may."""


class Engine(Protocol):
    """What every driver offers: one base, and adapters beside each other on it."""

    def stream(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None = None) -> AsyncGenerator[Piece]:
        """Generate from token ids with an added adapter, or None; closing the iterator frees its slot."""
        ...

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter and prove its effect; blocks, while streams go on. Raises EngineError and keeps nothing."""
        ...

    def drop(self, name: str) -> None:
        """Forget an adapter that no stream uses; blocks."""
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
