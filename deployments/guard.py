"""Guard: trained encoders behind a handle. Rules and policy run in the Gateway; only these need a replica."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments import metrics, tracing
from deployments.calls import answered
from deployments.serve_recorder import meter
from guards.scores import Scores


@serve.deployment
class Guard:
    """Scores texts; stateless, so it may have any number of replicas. The shipped encoder is loaded at the start."""

    def __init__(self, shelf: str, *, shipped: bool = True, otlp: str | None = None) -> None:
        tracing.start(otlp, "guard")
        self._meter = meter(metrics.GUARD)
        # here, so that the Gateway, which only calls us, does not load them
        from deployments.encoder_shelf import EncoderShelf

        self._shelf = EncoderShelf(Path(shelf))
        if shipped:
            self._shelf.queue(self._shelf.shipped)

    async def score(self, texts: list[str], digest: str, trace: tracing.Carrier | None = None) -> list[Scores]:
        """One Scores per text by the weights of this digest; off the event loop, so that health checks are answered.

        Raises WeightsError where no such weights lie ready.
        """
        self._meter.measure(metrics.GUARD_TEXTS, len(texts))
        with (
            self._meter.running(metrics.GUARD_OPEN),
            self._meter.timed(metrics.GUARD_SECONDS),
            tracing.span("score", trace, texts=len(texts)),
        ):
            try:
                return await self._score(texts, digest)
            except Exception:
                self._meter.count(metrics.GUARD_ERRORS)
                raise

    async def _score(self, texts: list[str], digest: str) -> list[Scores]:
        queue = self._shelf.ready(digest)
        if queue is None:
            queue = await asyncio.to_thread(self._shelf.queue, digest)
        return await queue.score(texts)

    async def digest(self) -> str:
        """Digest of the shipped weights."""
        return self._shelf.shipped

    async def check_health(self) -> None:
        """Serve replaces a replica that raises here."""
        self._meter.refresh()
        if not self._shelf.alive:
            raise RuntimeError("expected the encoders' threads to be at work, one has ended")


class RemoteScorer:
    """guards' `Scorer` over a Serve handle; errors pass through, and the guard turns them into a fault."""

    def __init__(self, handle: DeploymentHandle, digest: str) -> None:
        self._handle = handle
        self._digest = digest

    async def __call__(self, texts: Sequence[str]) -> list[Scores]:
        """Score on some replica; a caller that is cancelled takes its texts out of the replica's queue."""
        traced = tracing.carrier()
        response = self._handle.score.remote(list(texts), self._digest, *([traced] if traced else []))
        try:
            scores: list[Scores] = await answered(response)
        except asyncio.CancelledError:
            response.cancel()  # Serve itself lets the replica go on
            raise
        return scores
