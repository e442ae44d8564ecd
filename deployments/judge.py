"""Judge: the guard's optional second opinion behind a handle. Part of the graph only where `judge` names a model."""

import asyncio
from pathlib import Path

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments import embedded
from deployments.calls import answered
from guards.scores import Scores
from guards.verdict import Stage


@serve.deployment
class Judge:
    """One model per replica; stateless."""

    async def __init__(self, folder: str) -> None:  # type: ignore[misc]  # Serve awaits constructors
        from deployments.opinion import Opinion  # here, so that the Gateway loads no torch

        found = await asyncio.to_thread(embedded.survey, Path(folder))
        self._digest = found.digest
        self._opinion = await asyncio.to_thread(Opinion.load, found.path)

    async def digest(self) -> str:
        """Digest of the weights in use."""
        return self._digest

    async def ask(self, text: str, digest: str) -> Scores | None:
        """See Opinion.ask; no opinion where other weights are asked for than these, e.g. since a folder was changed."""
        return await self._opinion.ask(text) if digest == self._digest else None


class RemoteJudge:
    """guards' `Judge` over a Serve handle, of the weights that records cite; an error leaves the doubt."""

    def __init__(self, handle: DeploymentHandle, digest: str) -> None:
        self._handle = handle
        self._digest = digest

    async def __call__(self, text: str, stage: Stage) -> Scores | None:
        """Ask some replica; a caller that has no time left takes its question back."""
        response = self._handle.ask.remote(text, self._digest)
        try:
            scores: Scores | None = await answered(response)
        except asyncio.CancelledError:
            response.cancel()
            raise
        return scores
