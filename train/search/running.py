"""A search from what was asked for to best.json: check, search, bring the best trial's adapter."""

import json
import math
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.errors import RunError
from train.lora.checkpoint import STATE
from train.lora.loss_figure import draw as draw_loss
from train.lora.origin import require_same
from train.lora.plan import Plan
from train.lora.preparing import Material, gather, open_base, require_device
from train.lora.run_file import Named, Point, Rows, RunFile, commit, versions
from train.parts import bring, located
from train.ray_lora import ADAPTER, FinetuneConfig
from train.search import manifest, trials_figure
from train.search.manifest import Best, Look, Trial
from train.search.space import plan_of
from train.teaching.store import put

if TYPE_CHECKING:
    from ray.tune import ResultGrid

    from train.search.on_tune import Search

TABLE, FIGURE = "trials.md", "trials.svg"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for; nothing of it is checked yet. `plan.steps` is how far a trial goes that is not ended."""

    model: str
    models: Path
    data: str
    out: str
    name: str
    plan: Plan
    trials: int
    concurrent: int
    workers: int
    use_gpu: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that has room, and the rows that its base plan trains on."""

    search: "Search"
    name: str
    material: Material


def prepare(wanted: Wanted) -> Prepared:
    """Check what can be wrong before anything long begins; raises TrainError."""
    from train.placement import join_cluster

    least = {"--trials": wanted.trials, "--max-concurrent": wanted.concurrent, "--num-workers": wanted.workers,
             "--steps": wanted.plan.steps}  # fmt: skip
    for option, number in least.items():
        if number < 1:
            raise RunError(f"{option}: expected 1 or more, got {number}")
    if wanted.plan.every > wanted.plan.steps:
        raise RunError(f"--every: expected at most --steps {wanted.plan.steps}, got {wanted.plan.every}")
    base = open_base(wanted.model, wanted.models)
    require_device(wanted.plan, use_gpu=wanted.use_gpu, here=False)
    data, out = (place if "://" in place else str(Path(place).absolute()) for place in (wanted.data, wanted.out))
    config = FinetuneConfig(base, data, out, wanted.name, wanted.plan, (wanted.workers, wanted.workers), wanted.use_gpu)
    join_cluster(wanted.workers, config.resources, dashboard=True)
    material = gather(data, base, wanted.plan)
    from train.search.on_tune import Search

    search = Search(config, f"{out}/{wanted.name}", wanted.trials, wanted.concurrent, wanted.plan.seed)
    origin = {"base": base.digest, "dataset": material.digest, "plan": wanted.plan.digest}
    require_same(search.out, wanted.name, origin | {"trials": str(wanted.trials)})
    return Prepared(search, wanted.name, material)


def run(prepared: Prepared, command: str) -> Best:
    """Search; OUT/NAME holds best.json, adapter, trials.md and trials.svg. Raises TrainError, RuntimeError."""
    from train.search.on_tune import run as search_on_tune

    began, search = time.monotonic(), prepared.search
    grid = search_on_tune(search)
    results = {_name(result): result for result in grid}
    trials = [_trial(name, result, search.config.plan.steps) for name, result in results.items()]
    best = manifest.ranked(trials)[0]
    if best.state == "failed" or not math.isfinite(best.best):
        raise RuntimeError(f"expected a trial that came to an evaluation, found none: {_errors(grid)}")
    run_file = _bring(prepared, best, results[best.name], command)
    made = Best(
        name=prepared.name, best=best.name, plan=run_file.plan, metrics=run_file.metrics, adapter=ADAPTER,
        adapter_digest=run_file.adapter_digest, base=run_file.base,
        dataset=Rows(name="teaching-set", digest=prepared.material.digest, rows=prepared.material.rows),
        trials=manifest.ranked(trials), seed=search.seed, commit=commit(), versions=versions(),
        seconds=time.monotonic() - began, command=command,
    )  # fmt: skip
    put(search.out, TABLE, manifest.table(trials).encode())
    put(
        search.out,
        FIGURE,
        trials_figure.draw(f"{prepared.name}: held-out loss of {len(trials)} trials", trials).encode(),
    )
    put(search.out, manifest.NAME, (made.model_dump_json(indent=1) + "\n").encode())
    return made


def _name(result: Any) -> str:
    return str(result.metrics.get("trial_id") or Path(result.path).name)


def _trial(name: str, result: Any, steps: int) -> Trial:
    """What Tune kept of a trial."""
    frame, drawn = result.metrics_dataframe, result.config
    looks: list[Look] = []
    if frame is not None and "eval_loss" in frame:
        rows = frame[["step", "eval_loss"]].dropna().drop_duplicates("step", keep="last")
        looks = [Look(step=int(step), eval_loss=float(loss)) for step, loss in rows.itertuples(index=False)]
    far = looks[-1].step if looks else 0
    state = "failed" if result.error is not None else "finished" if far >= steps else "stopped"
    return Trial.model_validate(
        {"name": name, "rank": drawn["rank"], "rate": drawn["rate"], "weight": drawn["weight"], "state": state,
         "looks": looks}
    )  # fmt: skip


def _bring(prepared: Prepared, best: Trial, result: Any, command: str) -> RunFile:
    """Copy the best trial's adapter into OUT/NAME/adapter, with its run.json and loss.svg."""
    import pyarrow.fs as pafs

    from deployments.adapter import open_adapter

    search, material = prepared.search, prepared.material
    files, _ = located(search.out)
    checkpoint = _checkpoint(prepared, best.name)
    plan = plan_of(search.config.plan, result.config)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder)
        pafs.copy_files(
            f"{checkpoint}/{ADAPTER}", folder, source_filesystem=files, destination_filesystem=pafs.LocalFileSystem()
        )
        with files.open_input_stream(f"{checkpoint}/{STATE}") as stream:
            standing = json.loads(stream.read())
        made = RunFile(
            name=f"{prepared.name}-{best.name}", job="finetune", plan=plan,
            base=Named(name=search.config.base.name, digest=search.config.base.digest),
            dataset=Rows(name="teaching-set", digest=material.digest, rows=material.rows),
            adapter_digest=open_adapter(local).digest,
            metrics={"eval_loss": float(standing["best"]), "steps": float(standing["step"])},
            workers=search.config.workers[0], commit=commit(), versions=versions(),
            seconds=float(standing["seconds"]), finished=datetime.now(UTC).date().isoformat(), command=command,
            curve=[Point.model_validate(point) for point in standing["curve"]],
        )  # fmt: skip
        made.write(local)
        (local / "loss.svg").write_text(draw_loss(f"{made.name}: loss per answer token (nats)", made.curve))
        bring(local, f"{search.out}/{ADAPTER}")
    return made


def _checkpoint(prepared: Prepared, trial: str) -> str:
    """The last checkpoint of a trial's run that holds an adapter, as a path in its file system; raises RunError."""
    import pyarrow.fs as pafs

    files, root = located(f"{prepared.search.trial_storage}/{trial}")
    found = files.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True))
    whole = sorted(each.path for each in found if each.path.endswith(f"/{ADAPTER}/adapter_model.safetensors"))
    if not whole:
        raise RunError(f"trial {trial}: expected a checkpoint with an adapter, found none")
    return str(Path(whole[-1]).parents[1])


def _errors(grid: "ResultGrid") -> str:
    return "; ".join(str(error)[:200] for error in grid.errors[:2]) or "no error was reported"
