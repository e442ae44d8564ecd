"""The models that one replica answers as: one base, and the promoted adapters that questions still ask for.

A question names the digest that was active when it was asked, and is answered by exactly that model or not at all. A
promotion therefore drops no stream: those that run keep their adapter until they end, the next ones get the new one.
"""

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from audit.errors import AuditError
from audit.record import Entry, Kind
from deployments.embedded import ModelFilesDiffer, ModelFolder
from deployments.generation import Engine, EngineError, Piece, Sampling
from deployments.ports import LogPort, ServiceUnavailable
from deployments.promoted import NotPromoted, Promotion, Promotions

POLL_EVERY_S = 3.0  # a question that names a newer promotion does not wait for it
AGAIN_AFTER_S = 30.0

logger = logging.getLogger("ray.serve")


class NotServed(Exception):
    """A question asks for a model that this replica must not or cannot serve; says why."""


@dataclass(slots=True)
class _Held:
    """A model that is ready; `adapter` is its name inside the engine, None for the base alone."""

    adapter: str | None
    streams: int = 0


class Served:
    """Base, adapters, and the promotions that allow them.

    Where the active model cannot be loaded, questions fail until another is promoted. The one before is no stand-in:
    it was taken back, perhaps because it does harm, and the log says that it does not answer any more.
    """

    def __init__(self, engine: Engine, base: ModelFolder, models: Path, log: LogPort, promotions: Promotions) -> None:
        self._engine = engine
        self._base = base
        self._models = models
        self._log = log
        self._promotions = promotions
        self._held: dict[str, _Held] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, tuple[str, float]] = {}
        self._turn = asyncio.Lock()

    async def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """The answer of exactly this model, which is loaded first where it is not; raises NotServed."""
        held = await self._ready(digest)
        held.streams += 1
        try:
            async with aclosing(self._engine.stream(prompt, sampling, held.adapter)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            held.streams -= 1

    def problem(self) -> str | None:
        """Why the active model is not served; None when it is."""
        newest = self._promotions.newest
        if newest is None:
            return f"model {self._promotions.name}: no promotion record names it"
        refused = self._refused.get(newest.digest)
        return refused[0] if refused else None

    async def follow(self) -> None:
        """Keep up with the log for ever; an outage of it leaves everything as it is."""
        while True:
            with contextlib.suppress(ServiceUnavailable):
                await self.catch_up()
            await asyncio.sleep(POLL_EVERY_S)

    async def catch_up(self) -> None:
        """Read the log, load what is active now, before anyone asks for it, and forget what nobody may ask for."""
        await self._promotions.refresh()
        newest = self._promotions.newest
        if newest and newest.digest not in self._held and not self._was_refused(newest.digest):
            with contextlib.suppress(NotServed):
                await self._load(newest.digest)
        await self._forget()

    async def _ready(self, digest: str) -> _Held:
        if self._promotions.find(digest) is None:
            await self._promotions.refresh()  # whoever asks may have read further than we
        if self._promotions.find(digest) is None:
            raise NotServed(f"model {digest}: it is not active under the name {self._promotions.name}")
        if digest not in self._held:
            if why := self._was_refused(digest):
                raise NotServed(why)
            await self._load(digest)
        if digest not in self._held:  # too late: it was replaced while it was being loaded
            raise NotServed(f"model {digest}: it is not active any more")
        return self._held[digest]

    async def _load(self, digest: str) -> None:
        """Load it once, however many ask; raises NotServed."""
        if digest not in self._loading:
            # In no request's context: Serve cancels what a request started when its client hangs up, and this is
            # everybody's.
            task = asyncio.create_task(self._load_alone(digest), context=contextvars.Context())
            task.add_done_callback(lambda _: self._loading.pop(digest, None))
            self._loading[digest] = task
        await asyncio.shield(self._loading[digest])
        if why := self._was_refused(digest):
            raise NotServed(why)

    async def _load_alone(self, digest: str) -> None:
        async with self._turn:
            promotion = self._promotions.find(digest)
            if promotion is None or digest in self._held:
                return
            try:
                await self._promotions.prove(promotion)
                self._held[digest] = _Held(await asyncio.to_thread(self._put_in, promotion))
                self._refused.pop(digest, None)
            except (NotPromoted, AuditError, ModelFilesDiffer, EngineError, OSError) as error:
                await self._refuse(digest, error)

    def _put_in(self, promotion: Promotion) -> str | None:
        """Hash the adapter's files and put it into the engine; its name there."""
        if not promotion.is_of(self._base):
            raise NotPromoted(
                f"promotion of {promotion.digest}: expected one of base {self._base.digest}, came one of "
                f"{promotion.leaf['fields']['base']} with other files"
            )
        adapter = promotion.adapter(self._models)
        if adapter is None:
            return None
        adapter.check()
        self._engine.add(adapter.digest, adapter.path)
        return adapter.digest

    async def _refuse(self, digest: str, error: Exception) -> None:
        """Remember why, and say so in the service's log and in the control log."""
        known = digest in self._refused
        # Whoever may ask for readiness may read this: a file's name, not where it lies.
        said = f"{Path(str(error.filename)).name}: {error.strerror}" if isinstance(error, OSError) else str(error)
        self._refused[digest] = (f"model {digest} is not served: {said}", time.monotonic())
        if known:
            return
        logger.error("%s", self._refused[digest][0], extra={"event": "model_refused", "digest": digest})
        alert = {"rule": "model_refused", "severity": "critical", "about": digest}
        with contextlib.suppress(ServiceUnavailable, AuditError):
            await self._log.append([Entry.operational(Kind.alert, alert, actor="model")])

    def _was_refused(self, digest: str) -> str | None:
        """Why it was refused, until it is worth another try: what lacks may have been put in place."""
        why, at = self._refused.get(digest, ("", float("-inf")))
        return why if time.monotonic() - at < AGAIN_AFTER_S else None

    async def _forget(self) -> None:
        """Drop the adapters that no stream uses and no question may ask for any more."""
        async with self._turn:
            for digest, held in list(self._held.items()):
                if not held.streams and self._promotions.find(digest) is None:
                    del self._held[digest]
                    if held.adapter is not None:
                        await asyncio.to_thread(self._engine.drop, held.adapter)
