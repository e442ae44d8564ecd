"""A preference tuning from what was prepared to the adapter's folder: here or on Ray, then what made it."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from train.lora.loss_figure import draw
from train.lora.run_file import Named, Rows, RunFile, commit, versions
from train.parts import bring
from train.preference.fitting import Task, build
from train.preference.outcome import Outcome, export, newest
from train.preference.pair import read
from train.preference.preparing import PREFERENCES, Prepared, absolute
from train.teaching.store import put_json

ADAPTER = "adapter"


def told(prepared: Prepared) -> str:
    """One line about what is about to be done."""
    sides = prepared.told["sides"]["train"]
    plan = prepared.wanted.settings.plan
    each = "; ".join(
        f"{side}: {found['pairs']} pairs ("
        + ", ".join(f"{many} {origin}" for origin, many in found.items() if origin != "pairs")
        + ")"
        for side, found in sides.items()
    )
    return (
        f"{prepared.told['method']} on {prepared.base.name}, {each}; {prepared.told['too_long']['train']} too long for "
        f"{plan.length} tokens; batch {plan.batch}"
    )


def run(prepared: Prepared, command: str) -> RunFile:
    """Tune to the end; OUT/RUN/adapter holds adapter, run.json, loss.svg and preferences.json. Raises TrainError."""
    began = time.monotonic()
    wanted = prepared.wanted
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder)
        outcome = (_on_ray if wanted.workers else _here)(prepared, local)
        made = _run_file(prepared, outcome, local, time.monotonic() - began, command)
        made.write(local)
        put_json(folder, PREFERENCES, prepared.told)
        title = f"{wanted.name}: {prepared.base.name}, {wanted.settings.method.upper()} loss"
        (local / "loss.svg").write_text(draw(title, made.curve))
        bring(local, f"{prepared.place}/{ADAPTER}")
    return made


def _task(prepared: Prepared, work: Path) -> Task:
    wanted = prepared.wanted
    return Task(wanted.settings, prepared.base, wanted.adapter.absolute(), (), (), work, wanted.use_gpu)


def _here(prepared: Prepared, folder: Path) -> Outcome:
    from dataclasses import replace

    from train.preference.telling import teller

    work, pairs = Path(prepared.place) / "trainer", read(prepared.place)
    task = replace(
        _task(prepared, work), train=tuple(pair for pair in pairs if pair.split == "train"),
        held=tuple(pair for pair in pairs if pair.split == "dev"),
    )  # fmt: skip
    earlier = newest(work)
    build(task, 1, [teller()]).train(resume_from_checkpoint=str(earlier) if earlier else None)
    last = newest(work)
    if last is None:
        raise RuntimeError(f"expected a checkpoint in {work}, found none")
    return export(last, prepared.base.name, folder)


def _on_ray(prepared: Prepared, folder: Path) -> Outcome:
    from train.preference.on_ray import Shared, fit

    wanted = prepared.wanted
    shared = Shared(_task(prepared, Path()), absolute(wanted.out), wanted.name, wanted.workers)
    checkpoint = fit(shared).checkpoint
    with checkpoint.as_directory() as found:
        return export(Path(found), prepared.base.name, folder)


def _run_file(prepared: Prepared, outcome: Outcome, folder: Path, seconds: float, command: str) -> RunFile:
    from deployments.adapter import open_adapter

    wanted = prepared.wanted
    pairs = sum(side["pairs"] for side in prepared.told["sides"]["train"].values())
    return RunFile(
        name=wanted.name, job="prefer", plan=wanted.settings.plan,
        base=Named(name=prepared.base.name, digest=prepared.base.digest), start_adapter=prepared.start,
        dataset=Rows(name="teaching-set", digest=prepared.digest, rows=pairs),
        adapter_digest=open_adapter(folder).digest, metrics=outcome.metrics, workers=max(1, wanted.workers),
        commit=commit(), versions=versions(), seconds=seconds, finished=datetime.now(UTC).date().isoformat(),
        command=command, curve=list(outcome.curve),
    )  # fmt: skip
