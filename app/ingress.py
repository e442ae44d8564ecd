"""Gateway: the Serve ingress. Joins the handles of the other deployments to the Ray-free application."""

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle
from uuid_utils import uuid7

from app.answer import Tutor
from app.api import create_app
from app.control import ControlView
from app.identity.identities import Identities
from app.identity.ways import Ways
from app.limiting.limiter import Limiter
from app.limiting.queue import FairQueue
from app.reviewing.desk import Desk
from app.rulebook import Rulebook, Weights
from app.settings import Settings, require_safe_environment, require_shared_limits
from app.shadow import Shadow
from app.signoff import Signoffs
from app.terms import ETHICS, Terms, load_lessons
from audit.errors import AuditError
from audit.query import Asker
from audit.record import Entry, Kind
from deployments import metrics, tracing
from deployments.auditor import LogHandle
from deployments.chat import ChatFormat
from deployments.guard import RemoteScorer
from deployments.judge import RemoteJudge
from deployments.library import RemoteKnowledge
from deployments.model import RemoteModel
from deployments.ports import ServiceUnavailable
from deployments.serve_recorder import meter
from guards.policy import Policy

COUNTS_EVERY_S = 60.0

logger = logging.getLogger("ray.serve")


@serve.deployment
@serve.ingress()
class Gateway:
    """Ready once it has read the control log, knows the digests that it will cite, and the Model has started."""

    async def __init__(  # type: ignore[misc]  # Serve awaits constructors
        self, settings: Settings, guard: DeploymentHandle, challenger: DeploymentHandle, model: DeploymentHandle,
        control: DeploymentHandle, exchanges: list[DeploymentHandle], library: DeploymentHandle,
        judge: DeploymentHandle | None = None,
    ) -> None:  # fmt: skip
        _begin(settings)
        timeout_s = settings.limits.append_timeout_s
        view = ControlView(LogHandle(control, timeout_s), signoffs=Signoffs.load(settings.signoff_key))
        await view.refresh()
        terms = Terms.load()
        weights = await _weights(guard, challenger, judge)
        await model.problem.remote()  # answers, whatever it says, once there is a Model
        identities = Identities.load(settings)
        self._tutor = Tutor(
            name=settings.model,
            keys=identities,
            control=view,
            logs=[LogHandle(log, timeout_s) for log in exchanges],
            rulebook=Rulebook(Policy.load(), weights, settings.limits.guard_timeout_s, view, terms.digest),
            shadow=Shadow(),
            model=RemoteModel(model),
            chat=ChatFormat.load(settings.models / settings.model),
            terms=terms,
            lessons=load_lessons(),
            limiter=Limiter.load(settings),
            queue=FairQueue(settings.limits, settings.gateways),
            limits=settings.limits,
            strict=settings.delivery == "strict",
            tenants=settings.tenants,
            library=RemoteKnowledge(library, settings.limits.consult_timeout_s),
            meter=meter(metrics.GATEWAY),
            ethics_digest=Terms.load(ETHICS).digest,
            signed_only=settings.mode == "production",
        )
        self._asker = asker = Asker(settings.audit)
        self._desk = Desk(lambda sql: asker.ask(sql).to_pylist(), view.log)
        self._counts: Counter[str] = Counter()
        self._behind_tls, self._embed_origins = settings.behind_tls, settings.embed_origins
        self._ways = Ways.load(settings, identities)
        loops = (view.follow(), self._tutor.rulebook.follow(), self._count())
        self._loops = [asyncio.ensure_future(loop) for loop in loops]

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(
            self._tutor,
            self._counts,
            self._desk,
            asker=self._asker,
            behind_tls=self._behind_tls,
            ways=self._ways,
            embed_origins=self._embed_origins,
        )

    async def reconfigure(self, config: dict[str, Any] | None) -> None:
        """Serve's `user_config`: `{"thresholds": {"override": {"threshold": 0.8}}}`; see Rulebook.adopt."""
        await self._tutor.rulebook.adopt(config)

    async def check_health(self) -> None:
        """An outage of the log makes us refuse, not restart; a dead loop of ours restarts us."""
        self._tutor.meter.measure(metrics.CONTROL_AGE, self._tutor.control.age_s)
        self._tutor.meter.measure(metrics.QUEUE_WAITING, self._tutor.queue.waiting)
        self._tutor.meter.refresh()
        if any(loop.done() for loop in self._loops):
            raise RuntimeError("a loop of the Gateway ended")

    async def _count(self) -> None:
        """Refusals before admission have no record of their own; their number goes into the control log."""
        while True:
            await asyncio.sleep(COUNTS_EVERY_S)
            if self._counts:
                counts = dict(self._counts)
                self._counts.clear()
                entry = Entry(Kind.tick, str(uuid7()), 0, "preceptor", "gateway", {"counts": counts})
                with contextlib.suppress(ServiceUnavailable, AuditError):
                    await self._tutor.control.log.append([entry])


def _begin(settings: Settings) -> None:
    """What comes before any part; raises UnsafeEnvironment."""
    require_safe_environment(settings)
    require_shared_limits(settings, _replicas())
    tracing.start(settings.otlp, "gateway")
    if settings.mode != "production":
        about = {"event": "policy_not_required"}
        logger.warning("mode %s: answers need no signed policy", settings.mode, extra=about)


async def _weights(guard: DeploymentHandle, challenger: DeploymentHandle, judge: DeploymentHandle | None) -> Weights:
    opinion: str | None = await judge.digest.remote() if judge else None
    return Weights(
        await guard.digest.remote(),
        lambda digest: RemoteScorer(guard, digest),
        lambda digest: RemoteScorer(challenger, digest),
        RemoteJudge(judge, opinion) if judge and opinion else None,
        opinion,
    )


def _replicas() -> int:
    """How many Gateways there may be, by their deployment's own numbers."""
    config = serve.get_replica_context()._deployment_config  # world_size knows no autoscaling
    scaled = config.autoscaling_config
    return int(scaled.max_replicas if scaled else config.num_replicas)
