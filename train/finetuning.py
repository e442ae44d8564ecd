"""A fine-tuning run from what was asked for to the adapter's folder: check, train, write what made it."""

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.client import AuditClient
from train.errors import RunError
from train.lora.loss_figure import draw
from train.lora.origin import require_same
from train.lora.plan import Plan
from train.lora.preparing import Material, gather, open_base, require_adapter, require_device, require_room
from train.lora.run_file import Named, Point, Rows, RunFile, commit, versions
from train.parts import bring
from train.placement import join_cluster
from train.ray_lora import ADAPTER, FinetuneConfig


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for; nothing of it is checked yet."""

    model: str
    models: Path
    data: str
    out: str
    name: str
    plan: Plan
    workers: tuple[int, int] = (0, 0)
    use_gpu: bool = False
    adapter: Path | None = None
    general: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run needs, all looked at."""

    config: FinetuneConfig
    material: Material
    start: str | None


def prepare(wanted: Wanted) -> Prepared:
    """Check what can be wrong before anything long begins; raises TrainError with what was expected and what came."""
    if not wanted.workers[0] and int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise RunError("--num-workers 0: expected one process, this is one of several; start it once, with Ray workers")
    if not wanted.workers[0] and "://" in wanted.out:
        raise RunError(f"--out: expected a folder with --num-workers 0, got {wanted.out[:200]!r}")
    base = open_base(wanted.model, wanted.models)
    start = require_adapter(wanted.adapter, base) if wanted.adapter is not None else None
    require_device(wanted.plan, use_gpu=wanted.use_gpu, here=not wanted.workers[0])
    if not wanted.workers[0]:
        require_room(base, wanted.plan, use_gpu=wanted.use_gpu)
    config = FinetuneConfig(
        base, _absolute(wanted.data), _absolute(wanted.out), wanted.name, wanted.plan, wanted.workers, wanted.use_gpu,
        wanted.adapter.absolute() if wanted.adapter else None, wanted.general.absolute() if wanted.general else None,
    )  # fmt: skip
    if wanted.workers[0]:
        join_cluster(config.workers[0], config.resources)
    material = gather(config.data, base, wanted.plan, config.general)
    require_same(f"{config.out}/{config.name}", config.name, _origin(config, material, start))
    return Prepared(config, material, start)


def told(prepared: Prepared) -> str:
    """One line about what is about to be done."""
    config, material, plan = prepared.config, prepared.material, prepared.config.plan
    answers = sum(block.answers for block in material.blocks)
    return (
        f"{config.base.name}: {material.rows} rows ({material.too_long} too long for {plan.length} tokens) and "
        f"{material.general} general ones in "
        f"{len(material.blocks)} blocks, {answers} answer tokens an epoch; {plan.epochs} epochs of batch {plan.batch}"
    )


def run(prepared: Prepared, command: str) -> RunFile:
    """Train to the end; OUT/RUN/adapter holds the adapter, run.json and loss.svg. Raises TrainError, RuntimeError."""
    config = prepared.config
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder)
        standing, workers = (_on_ray if config.workers[0] else _here)(prepared, local)
        made = _run_file(prepared, standing, workers, local, command)
        made.write(local)
        title = f"{config.name}: {config.base.name}, loss per answer token (nats)"
        (local / "loss.svg").write_text(draw(title, made.curve))
        bring(local, f"{config.out}/{config.name}/{ADAPTER}")
    return made


def record(made: RunFile, client: AuditClient) -> None:
    """Append the run to the log. Raises KnowledgeError where it takes no record."""
    from train.lineage import hand_in
    from train.promotion.run_record import run_entry

    hand_in(run_entry(made), client)


def _absolute(uri: str) -> str:
    """Ray moves its workers to another working folder."""
    return uri if "://" in uri else str(Path(uri).absolute())


def _origin(config: FinetuneConfig, material: Material, start: str | None) -> dict[str, str]:
    """Digests of base, dataset and plan, and where there are any of the general rows and the adapter it began with."""
    origin = {"base": config.base.digest, "dataset": material.digest, "plan": config.plan.digest}
    more = {"general": material.general_digest, "start": start}
    return origin | {what: digest for what, digest in more.items() if digest}


def _here(prepared: Prepared, folder: Path) -> tuple[dict[str, Any], int]:
    from dataclasses import asdict

    from train import local_lora
    from train.board import Board
    from train.lora.loop import Job
    from train.lora.sharing import world

    config, material = prepared.config, prepared.material
    storage = Path(config.out) / config.name
    resume = local_lora.newest(storage)
    job = Job(config.plan, config.base, material.digest, material.blocks, material.held, config.start, resume)
    with Board(storage / "tensorboard") as board:
        standing = local_lora.run(job, storage, folder, board)
    return asdict(standing), world()[1]


def _on_ray(prepared: Prepared, folder: Path) -> tuple[dict[str, Any], int]:
    from train.ray_lora import fetch_adapter, trainer

    result = trainer(prepared.config).fit()
    if result.error is not None:
        raise RuntimeError(f"the run failed: {result.error}")
    return fetch_adapter(result, folder), int(result.metrics["workers"]) if result.metrics else 0


def _run_file(prepared: Prepared, standing: dict[str, Any], workers: int, folder: Path, command: str) -> RunFile:
    from deployments.adapter import open_adapter

    config, material = prepared.config, prepared.material
    seconds = standing["seconds"]
    return RunFile(
        name=config.name, job="finetune", plan=config.plan,
        base=Named(name=config.base.name, digest=config.base.digest), start_adapter=prepared.start,
        dataset=Rows(name="teaching-set", digest=material.digest, rows=material.rows),
        general=Rows(name="general", digest=material.general_digest, rows=material.general)
        if material.general_digest else None,
        adapter_digest=open_adapter(folder).digest,
        metrics={
            "eval_loss_before": standing["curve"][0]["eval_loss"], "eval_loss": standing["best"],
            "steps": standing["step"], "answer_tokens": standing["answers"],
            "answer_tokens_per_s": standing["answers"] / max(seconds, 1e-9),
        },
        workers=workers, commit=commit(), versions=versions(), seconds=seconds,
        finished=datetime.now(UTC).date().isoformat(), command=command,
        curve=[Point.model_validate(point) for point in standing["curve"]],
    )  # fmt: skip
