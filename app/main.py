"""Where the parts are joined: `serve run deployments/serve.yaml` calls `build`.

No `from __future__ import annotations` here: Serve validates `args:` against the annotation of `build`, which must
be the class itself.
"""

from pathlib import Path

from ray.serve import Application

from app.ingress import Gateway
from app.sandbox import demands
from app.settings import Settings, from_environment, require_safe_environment, require_shared_limits
from audit.keyring import read_ring
from audit.store import open_store
from deployments.auditor import AuditLog
from deployments.guard import Guard
from deployments.judge import Judge
from deployments.library import Knowledge
from deployments.model import Model


def build(args: Settings) -> Application:
    """The graph Gateway → Guard, Challenger, Knowledge, Model, AuditLog, and maybe Judge; arguments win over the
    environment."""
    settings = from_environment(**args.model_dump(exclude_unset=True))
    require_safe_environment(settings)
    require_shared_limits(settings, settings.gateways)
    exchanges = [_log(settings, f"exchange-{number}") for number in range(settings.exchange_logs)]
    control = _log(settings, "control", exchanges)
    shelf = str(settings.guards)
    guard = Guard.bind(shelf, otlp=settings.otlp)  # type: ignore[attr-defined]
    challenger = Guard.options(name="Challenger").bind(shelf, shipped=False, otlp=settings.otlp)  # type: ignore[attr-defined]
    ring = str(read_ring(open_store(settings.audit)))
    place = (str(settings.models), settings.model)
    model = Model.bind(*place, control, ring, demands(settings), settings.engine)  # type: ignore[attr-defined]
    library = Knowledge.bind(str(settings.knowledge_packs), settings.otlp)  # type: ignore[attr-defined]
    judge = _judge(settings.judge, settings.judge_gpus) if settings.judge else None
    return Gateway.bind(settings, guard, challenger, model, control, exchanges, library, judge)  # type: ignore[attr-defined]


def _judge(folder: Path, gpus: float) -> Application:
    resources = {"num_cpus": 0.1, "num_gpus": gpus}
    return Judge.options(  # type: ignore[attr-defined]
        max_ongoing_requests=16, max_queued_requests=64, max_surge_percent=100, health_check_timeout_s=30,
        graceful_shutdown_wait_loop_s=1, graceful_shutdown_timeout_s=10, ray_actor_options=resources,
    ).bind(str(folder.absolute()))  # fmt: skip


def _log(settings: Settings, name: str, siblings: list[Application] | None = None) -> Application:
    # serve.yaml names the logs of a laptop; these hold for however many there are
    writer = AuditLog.options(  # type: ignore[attr-defined]
        name=f"AuditLog-{name}", num_replicas=1, max_ongoing_requests=1024, max_queued_requests=4096,
        max_surge_percent=100, health_check_period_s=2, health_check_timeout_s=30, graceful_shutdown_wait_loop_s=1,
        graceful_shutdown_timeout_s=10, ray_actor_options={"num_cpus": 0.05},
    )  # fmt: skip
    place = (str(settings.audit), name, str(settings.keys))
    return writer.bind(*place, settings.commit_interval_ms, siblings or [], settings.otlp)
