"""Model: the engine behind a handle, streaming pieces. It serves only what a promotion record in the log names."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments import embedded, metrics, tracing
from deployments.auditor import LogHandle
from deployments.calls import answered, is_cancelled
from deployments.coalescing import coalesced
from deployments.confinement import Demands, require
from deployments.engine.drivers import Driver, load
from deployments.generation import Piece, Sampling
from deployments.ports import ServiceUnavailable
from deployments.promoted import NotPromoted, Promotions
from deployments.serve_recorder import meter
from deployments.served import Served

START_TIMEOUT_S = 60.0
PROBLEM_TIMEOUT_S = 1.0  # whoever asks whether we are ready waits two seconds


@serve.deployment
class Model:
    """One engine per replica. Ready once it is proven confined, its base was hashed and found promoted, and the active
    adapter was tried.

    An adapter that cannot be loaded keeps no replica from starting: whoever has to take that promotion back needs the
    graph for it. Until then it answers nothing, see `problem`.
    """

    async def __init__(  # type: ignore[misc]  # Serve awaits constructors
        self, models: str, name: str, control: DeploymentHandle, ring: str, demands: Demands, driver: Driver = "auto"
    ) -> None:
        await asyncio.to_thread(require, demands)
        self._meter = meter(metrics.MODEL)
        base = await asyncio.to_thread(_checked, Path(models) / name)
        log = LogHandle(control, START_TIMEOUT_S)
        promotions = Promotions(log, name, ring)
        await promotions.refresh()
        if not promotions.any_of(base):
            raise NotPromoted(f"model {name}: no promotion record names digest {base.digest}")
        engine = await asyncio.to_thread(load, base.path, driver)
        self._served = Served(engine, base, Path(models), log, promotions)
        await self._served.catch_up()
        self._loop = asyncio.ensure_future(self._served.follow())

    async def problem(self) -> str | None:
        """Why the active model is not served here; None when it is. What was refused may have been taken back."""
        if self._served.problem():
            with contextlib.suppress(ServiceUnavailable):
                await self._served.catch_up()
        return self._served.problem()

    async def check_health(self) -> None:
        """A model that is refused does not restart us, it would be refused again; a dead loop of ours does."""
        self._meter.measure(metrics.MODEL_READY, 0 if self._served.problem() else 1)
        self._meter.refresh()
        if self._loop.done():
            raise RuntimeError("the loop of the Model ended")

    async def stream(self, prompt: list[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """Pieces of a window or so; when the caller goes away the generation ends before its next token."""
        async with aclosing(coalesced(self._counted(prompt, sampling, digest))) as pieces:
            async for piece in pieces:
                yield piece

    async def _counted(self, prompt: list[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        began, tokens = time.monotonic(), 0
        try:
            with self._meter.running(metrics.MODEL_STREAMS):
                async with aclosing(self._served.stream(prompt, sampling, digest)) as pieces:
                    async for piece in pieces:
                        if not tokens and piece.tokens:
                            self._meter.measure(metrics.MODEL_FIRST, time.monotonic() - began)
                        tokens = piece.tokens
                        yield piece
        finally:
            self._meter.count(metrics.MODEL_TOKENS, tokens)


class RemoteModel:
    """ModelPort over a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle
        self._streams = handle.options(stream=True)
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """See ModelPort; a replica that is too busy to say has the problem that it had."""
        with contextlib.suppress(Exception):
            self._problem = await asyncio.wait_for(answered(self._handle.problem.remote()), PROBLEM_TIMEOUT_S)
        return self._problem

    async def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """See ModelPort; raises ServiceUnavailable when the replica dies or is overloaded.

        The span of the Model is made here: a confined replica may open no connection, to a collector neither.
        """
        response, tokens = self._streams.stream.remote(list(prompt), sampling, digest), 0
        span = tracing.begin("generate", prompt_tokens=len(prompt))
        try:
            async for piece in response:
                if not tokens:
                    span.add_event("first piece")
                tokens = piece.tokens
                yield piece
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            raise ServiceUnavailable("model", type(error).__name__) from error
        except Exception as error:  # what the replica raised comes as itself or as Ray's, by how Serve is set
            raise ServiceUnavailable("model", type(error).__name__) from error
        finally:
            response.cancel()
            span.set_attribute("preceptor.tokens", tokens)
            span.end()


def _checked(path: Path) -> embedded.ModelFolder:
    """The base with every file hashed; raises FileNotFoundError, ModelFilesDiffer."""
    folder = embedded.open_folder(path)
    if (path / embedded.MANIFEST).exists():  # without one, opening it has just hashed all
        folder.check()
    return folder
