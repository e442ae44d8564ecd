"""Guard: the trained encoder behind a handle. Rules and policy run in the Gateway; only this needs a replica."""

import asyncio
from collections.abc import Sequence

from ray import serve
from ray.serve.handle import DeploymentHandle

from guards.scores import Scores


@serve.deployment
class Guard:
    """Scores texts; stateless, so it may have any number of replicas."""

    def __init__(self) -> None:
        # here, so that the Gateway, which only calls us, does not load them
        from deployments.encoder_queue import EncoderQueue
        from guards.encoder import Encoder

        encoder = Encoder.load()
        self._digest = encoder.digest
        self._queue = EncoderQueue(encoder)

    async def score(self, texts: list[str]) -> list[Scores]:
        """One Scores per text; off the event loop, so that health checks are answered meanwhile."""
        return await self._queue.score(texts)

    async def digest(self) -> str:
        """Digest of the weights in use."""
        return self._digest

    async def check_health(self) -> None:
        """Serve replaces a replica that raises here."""
        if not self._queue.alive:
            raise RuntimeError("expected the encoder's thread to be at work, it has ended")


class RemoteScorer:
    """guards' `Scorer` over a Serve handle; errors pass through, and the guard turns them into a fault."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def __call__(self, texts: Sequence[str]) -> list[Scores]:
        """Score on some replica; a caller that is cancelled takes its texts out of the replica's queue."""
        response = self._handle.score.remote(list(texts))
        try:
            scores: list[Scores] = await response
        except asyncio.CancelledError:
            response.cancel()  # Serve itself lets the replica go on
            raise
        return scores
