"""Fit the guard's adapter and heads on Ray Train: `python -m train.fit_guard --data DIR --out DIR`.

Writes guard.safetensors and card.json (digests, temperatures, thresholds within the stated budgets, sources).
With `--feedback DIR` it also learns what reviewers decided (`train.feedback`), once that is checked for contamination.
With `--num-workers 0` the same loop runs in this process, without Ray. What it is worth says `train.evaluate_guard`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.ray_fit import Wrap, fit_on_ray

if TYPE_CHECKING:
    from train.guard_rows import Row


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.fit_guard", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--data", type=Path, default=Path(default), help="folder with prompts/ and knowledge/")
    options.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    options.add_argument("--num-workers", type=int, default=1, help="Ray workers; 0 runs here, without Ray")
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--rows", type=int, default=0, help="a trial on this many rows (0: all)")
    options.add_argument("--start", type=Path, metavar="DIR", help="weights to go on from, such as guards/weights")
    options.add_argument(
        "--rate", type=float, default=0.0, help="peak learning rate; 0: the plan's, a tenth with --start"
    )
    options.add_argument("--feedback", type=Path, metavar="DIR", help="what train.feedback made")
    options.add_argument("--leave-out", metavar="GROUP", help="a group of sources to leave out, or languages")
    return options


def progress(seen: dict[str, float]) -> None:
    """One line per look at the stop rows."""
    left = seen["s"] / seen["step"] * (seen["steps"] - seen["step"])
    print(
        f"step {seen['step']:.0f}/{seen['steps']:.0f}  loss {seen['loss']:.3f}  "
        f"ranking {seen['ranking']:.4f}  {seen['s']:.0f} s, about {left:.0f} s left",
        flush=True,
    )


def fit_one(config: dict[str, Any], rank: int = 0, world: int = 1, wrap: Wrap | None = None) -> Path:
    """Fit on this worker's share of the rows; the folder where rank 0 has put weights and card."""
    import torch
    from safetensors.torch import load_file

    from guards.encoder import card_digest
    from train import guard_card, guard_data, guard_loop

    plan = guard_loop.Plan(epochs=config["epochs"])
    if config.get("start"):  # what it knows is not to be unlearnt, and only settled weights are worth a look
        plan = replace(plan, rate=plan.rate / 10, looks=1)
    if config.get("rate"):
        plan = replace(plan, rate=config["rate"])
    torch.manual_seed(plan.seed)
    feedback = config.get("feedback")
    parts = guard_data.split(Path(config["data"]), config["left_out"], feedback=Path(feedback) if feedback else None)
    train = _rows(parts.of("train"), config["rows"])
    share = train[rank::world][: len(train) // world]  # equal shares: DDP waits for the slowest
    learner, stop = guard_loop.Learner(plan.rank), guard_loop.Batches(parts.of("stop"))
    if config.get("start"):
        learner.restore(load_file(Path(config["start"]) / "guard.safetensors"))
    report = progress if rank == 0 else (lambda _: None)
    batches = guard_loop.Batches(share)
    memory = guard_loop.remember(learner, batches, _known) if config.get("start") else None
    learner.restore(guard_loop.fit(wrap(learner) if wrap else learner, batches, stop, plan, report, memory))
    out = Path(config["out"])
    if rank == 0:
        heat = guard_card.temperatures(learner, guard_loop.Batches(parts.of("tune")))
        facts = {"rows": len(train), "workers": world, "left_out": config["left_out"], "removed": parts.removed}
        facts |= {"feedback": parts.feedback} if parts.feedback else {}
        facts |= {"start": card_digest(Path(config["start"]))} if config.get("start") else {}
        guard_card.write(out, learner.tensors(), heat, asdict(plan) | facts)
        guard_card.calibrate(out, parts.of("tune"))
        if not config["left_out"] and not config["rows"]:  # costs as much as the rest, and only what ships must show it
            guard_card.compare(out, parts.of("tune"))
    return out


def _rows(every: "list[Row]", most: int) -> "list[Row]":
    """All rows, or for a trial what decisions taught and so many of the others, at most half only look dangerous.

    Who learns new disguises unlearns first what harmless texts look most like them; chance alone would keep a few.
    """
    from train.guard_sources import SCARY

    if not most:
        return every
    taught = [row for row in every if not _known(row)]
    known = [row for row in every if _known(row)]
    frightening = [row for row in known if row.source in SCARY][: most // 2]
    return taught + frightening + [row for row in known if row.source not in SCARY][: most - len(frightening)]


def _known(row: "Row") -> bool:
    """Whether the guard's own data holds the row, so that earlier weights have learnt it."""
    return not row.source.startswith("feedback/")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if not (options.data / "prompts").is_dir():
        print(f"fit_guard: expected prompts/ and knowledge/ in {options.data}, see PRECEPTOR_DATA", file=sys.stderr)
        return 2
    if options.start and not (options.start / "guard.safetensors").is_file():
        print(f"fit_guard: expected guard.safetensors in {options.start}", file=sys.stderr)
        return 2
    if options.feedback and not (options.feedback / "guard_rows.jsonl").is_file():
        print(f"fit_guard: expected guard_rows.jsonl in {options.feedback}, see train.feedback", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    config = {
        "data": str(options.data),
        "out": str(options.out),
        "epochs": options.epochs,
        "rows": options.rows,
        "rate": options.rate,
        "start": str(options.start.absolute()) if options.start else None,
        "left_out": options.leave_out,
        "feedback": str(options.feedback.absolute()) if options.feedback else None,
    }
    if options.num_workers:
        fit_on_ray(fit_one, config, options.num_workers, "fit_guard", ("guard.safetensors", "card.json"))
    else:
        fit_one(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
