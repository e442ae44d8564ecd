"""Knowledge: the packs behind a handle. Reads the newest pack of a folder, and takes up a newer one as it comes."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments import metrics, tracing
from deployments.calls import answered
from deployments.knowledge.consultation import Consultation, Holdings, consult, holdings, unknown
from deployments.knowledge.errors import PackError
from deployments.knowledge.shelf import Shelf
from deployments.serve_recorder import meter

REFRESH_S = 5.0

logger = logging.getLogger("ray.serve")


@serve.deployment
class Knowledge:
    """Any number of replicas; each maps the same files. Without a pack it answers that there is none."""

    async def __init__(self, packs: str, otlp: str | None = None) -> None:  # type: ignore[misc]  # Serve awaits constructors
        tracing.start(otlp, "knowledge")
        self._meter = meter(metrics.KNOWLEDGE)
        self._shelf = Shelf(Path(packs))
        await asyncio.to_thread(self._follow)
        self._loop = asyncio.ensure_future(self._refresh())

    async def consult(self, question: str, before: str, trace: tracing.Carrier | None = None) -> Consultation | None:
        """What the newest pack says to a question that follows another; None without one."""
        with self._meter.timed(metrics.CONSULT_SECONDS), tracing.span("consult", trace):
            current = self._shelf.current
            if current is None:
                return None
            said = await asyncio.to_thread(consult, current, question, before)
        self._meter.count(metrics.CONSULTATIONS, outcome=said.outcome or ("records" if said.passages else "nothing"))
        return said

    async def unknown(self, text: str) -> list[str] | None:
        """The identifiers of a text that the newest pack does not hold; None without a pack."""
        current = self._shelf.current
        return unknown(current, text) if current else None

    async def holdings(self) -> Holdings:
        """What the newest pack holds."""
        current = self._shelf.current
        return holdings(current) if current else Holdings()

    async def check_health(self) -> None:
        """Serve replaces a replica that raises here."""
        self._meter.refresh()
        if self._loop.done():
            raise RuntimeError("the loop of Knowledge ended")

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(self._follow)

    def _follow(self) -> None:
        try:
            taken = self._shelf.follow()
        except (PackError, OSError) as error:  # what was read before is read on
            about = {"event": "pack_refused", "error": type(error).__name__}
            logger.warning("a knowledge pack is not taken up: %s", type(error).__name__, extra=about)
            return
        self._meter.measure(metrics.KNOWLEDGE_PACK, 1 if self._shelf.current else 0)
        if taken:
            logger.warning("knowledge pack %s is read from now on", taken, extra={"event": "pack_taken", "pack": taken})


class RemoteKnowledge:
    """KnowledgePort over a Serve handle: what is not said in time is not said."""

    def __init__(self, handle: DeploymentHandle, timeout_s: float) -> None:
        self._handle, self._timeout_s = handle, timeout_s
        self._held = Holdings()

    async def consult(self, question: str, before: str) -> Consultation | None:
        """See KnowledgePort."""
        traced = tracing.carrier()
        said: Consultation | None = await self._asked("consult", question, before, *([traced] if traced else []))
        return said

    async def unknown(self, text: str) -> list[str] | None:
        """See KnowledgePort."""
        said: list[str] | None = await self._asked("unknown", text)
        return said

    async def holdings(self) -> Holdings:
        """See KnowledgePort; a replica that is too busy to say holds what it held."""
        self._held = await self._asked("holdings") or self._held
        return self._held

    async def _asked(self, method: str, *arguments: object) -> Any:
        response = getattr(self._handle, method).remote(*arguments)
        try:
            return await asyncio.wait_for(answered(response), self._timeout_s)
        except Exception:  # noqa: BLE001  whatever ails it, the model answers without
            response.cancel()
            return None
