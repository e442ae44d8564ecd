"""Every candidate's turn: in this process one after the other, or each as a Ray task of its own.

A candidate that cannot be measured gets an outcome that says why; it never stops the others.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from deployments import embedded, garden
from train.errors import TrainError
from train.evaluation.answering import CPUS_PER_WORKER, Say
from train.selection.outcome import Candidate, Outcome, Score, earlier
from train.selection.suite import Suite

Measure = Callable[[Candidate, Suite, Path | None, Say], Sequence[Score]]


def look_up(names: Sequence[str], models: Path, say: Say) -> list[Candidate | Outcome]:
    """Each name's candidate, or the outcome that says why it is none; raises garden.GardenError for unknown names."""
    entries, found = garden.load(), list[Candidate | Outcome]()
    for given in names:
        entry = entries.get(given)
        name, licence = (given, entry.licence) if entry else (Path(given).resolve().name, "")
        try:
            folder = garden.resolve(given, models, say).absolute()
            digest, need = embedded.open_folder(folder).digest, garden.room_for(folder)
            found.append(Candidate(name, folder, licence, digest, garden.parameters(folder), need))
        except garden.NoWeights as error:
            why = str(error).removeprefix(f"{given}: ").removeprefix("no weights ")
            found.append(Outcome(name=name, licence=licence, not_measured=f"no weights {why}"))
    return found


def known(found: Sequence[Candidate | Outcome], out: Path, suite: Suite) -> list[Outcome]:
    """What needs no measuring: earlier outcomes for the same weights and items, and candidates without weights."""
    outcomes = [
        each if isinstance(each, Outcome) else earlier(out, each.name, each.digest, suite.digest) for each in found
    ]
    return [outcome for outcome in outcomes if outcome is not None]


def in_process(
    candidates: Sequence[Candidate], suite: Suite, measure: Measure, out: Path, say: Say
) -> Iterator[Outcome]:
    """One after the other, in this process; answers are kept in `out`."""
    import psutil

    for candidate in candidates:
        free = psutil.virtual_memory().available
        if candidate.memory > free:
            yield _absent(candidate, f"too little memory: {_gb(candidate.memory)} needed, {_gb(free)} free")
        else:
            yield _measured(candidate, suite, measure, out, partial(_named, say, candidate.name))


def on_ray(
    candidates: Sequence[Candidate], suite: Suite, measure: Measure, workers: int, say: Say
) -> Iterator[Outcome]:
    """As Ray tasks, `workers` at a time, each in a process of its own; raises PlacementError without room for them."""
    import ray

    from train.placement import require

    ray.init(ignore_reinit_error=True)
    largest = max(node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"])
    waiting = [candidate for candidate in candidates if candidate.memory <= largest]
    for candidate in candidates:
        if candidate not in waiting:
            why = f"too little memory: {_gb(candidate.memory)} needed, the largest node has {_gb(largest)}"
            yield _absent(candidate, why)
    if not waiting:
        return
    most = max(candidate.memory for candidate in waiting)
    require([{"CPU": CPUS_PER_WORKER, "memory": float(most)}] * min(workers, len(waiting)))
    task, running = ray.remote(max_calls=1, max_retries=1)(_measured), dict[ray.ObjectRef, Candidate]()
    while waiting or running:
        while waiting and len(running) < workers:
            candidate = waiting.pop(0)
            placed = task.options(num_cpus=CPUS_PER_WORKER, memory=candidate.memory)
            running[placed.remote(candidate, suite, measure, None, _silent)] = candidate
            say(f"{candidate.name}: begun")
        (done,), _ = ray.wait(list(running), num_returns=1)
        candidate = running.pop(done)
        try:
            yield ray.get(done)
        except ray.exceptions.RayError as error:
            yield _absent(candidate, f"its task died: {type(error).__name__}")


def _measured(candidate: Candidate, suite: Suite, measure: Measure, kept: Path | None, say: Say) -> Outcome:
    start = time.monotonic()
    try:
        scores = tuple(measure(candidate, suite, kept, say))
    except (TrainError, OSError, ValueError, RuntimeError, KeyError) as error:
        return _absent(candidate, f"failed: {type(error).__name__}: {error}"[:300])
    return Outcome(
        name=candidate.name, licence=candidate.licence, parameters=candidate.parameters, digest=candidate.digest,
        suite=suite.digest, scores=scores, seconds=round(time.monotonic() - start, 1), machine=_machine(),
    )  # fmt: skip


def _absent(candidate: Candidate, why: str) -> Outcome:
    return Outcome(name=candidate.name, licence=candidate.licence, parameters=candidate.parameters, not_measured=why)


def _machine() -> str:
    import torch

    card = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{platform.machine()}, {cores}{card}, torch {torch.__version__}"


def _named(say: Say, name: str, line: str) -> None:
    say(f"{name}: {line}")


def _silent(_: str) -> None:
    """Tasks report by their outcome."""


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
