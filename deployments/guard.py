"""Guard: the trained encoder behind a handle. Rules and policy run in the Gateway; only this needs a replica."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ray import serve
from ray.serve.handle import DeploymentHandle

from guards.scores import Scores


@serve.deployment
class Guard:
    """Scores texts; stateless, so it may have any number of replicas."""

    def __init__(self, threads: int = 1) -> None:
        import torch  # here, so that the Gateway, which only calls us, does not load it

        from guards.encoder import Encoder

        torch.set_num_threads(threads)
        self._encoder = Encoder.load()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")

    async def score(self, texts: list[str]) -> list[Scores]:
        """One Scores per text; off the event loop, so that health checks are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._encoder.score, texts)

    async def digest(self) -> str:
        """Digest of the weights in use."""
        return self._encoder.digest


class RemoteScorer:
    """guards' `Scorer` over a Serve handle; errors pass through, and the guard turns them into a fault."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    async def __call__(self, texts: Sequence[str]) -> list[Scores]:
        """Score on some replica."""
        scores: list[Scores] = await self._handle.score.remote(list(texts))
        return scores
