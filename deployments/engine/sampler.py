"""From logits to one token, by the wishes and the random generator of one request."""

import secrets
from typing import Any

import torch

from deployments.generation import Sampling

_NUCLEI = (64, 1024)  # so many tokens hold the nucleus nearly always; sorting all costs forty times as much


class Sampler:
    """Draws the tokens of one answer; `said` are those that it drew."""

    def __init__(self, sampling: Sampling) -> None:
        self.said: list[int] = []
        self._sampling = sampling
        self._seen: dict[int, None] = {}
        seed = sampling.seed if sampling.seed is not None else secrets.randbits(63)
        self._random = torch.Generator().manual_seed(seed % (1 << 63))

    def draw(self, logits: Any) -> int:
        """The next token of an answer; `logits` is one row of float32, which is changed."""
        token = self._choose(self._penalised(logits))
        self.said.append(token)
        self._seen[token] = None
        return token

    def _penalised(self, logits: Any) -> Any:
        """Repetition penalty (Keskar et al. 2019, section 4.1)."""
        if self._seen and self._sampling.repetition != 1:
            seen = torch.tensor(list(self._seen))
            values = logits[seen]
            logits[seen] = torch.where(
                values > 0, values / self._sampling.repetition, values * self._sampling.repetition
            )
        return logits

    def _choose(self, logits: Any) -> int:
        """Temperature and nucleus sampling (Holtzman et al. 2020)."""
        if self._sampling.temperature <= 0:
            return int(logits.argmax())
        chances = torch.softmax(logits / self._sampling.temperature, dim=-1)
        for count in (*_NUCLEI, len(chances)):
            values, ids = torch.topk(chances, min(count, len(chances)))
            if values.sum() >= self._sampling.top_p:
                break
        outside = values.cumsum(0) - values >= self._sampling.top_p
        outside[0] = False
        values[outside] = 0
        return int(ids[torch.multinomial(values, 1, generator=self._random)])
