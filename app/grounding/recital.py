"""The graph's own answer as a ModelPort, so that it is cut, checked, logged and sent like a model's."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from deployments.generation import Piece, Sampling


@dataclass(frozen=True, slots=True)
class Recital:
    """Says one text. It costs no tokens, and no sampling changes it."""

    text: str

    async def problem(self) -> str | None:
        """See ModelPort: what is recited has none."""
        return None

    async def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """The text, whole."""
        yield Piece(self.text, 0, "stop")
