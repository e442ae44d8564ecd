"""Choose a base model by measurement: `python -m train.select --candidates NAME… --teaching URI --out DIR`.

Puts the same items to every candidate: relations of held-out rows answered to the word, multiple choice with shuffled
options, perplexity and bits per byte, refusals and lessons, speed, memory. Leaves selection.md, selection.json,
selection.svg and a file for each candidate in OUT; a second call measures only what is new. `--list` prints the garden.
Exit status: 0; 1 when no candidate could be measured; 2 when the call could not begin.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.errors import RunError, TrainError
from train.placement import PlacementError

if TYPE_CHECKING:
    from train.selection.outcome import Candidate, Outcome
    from train.selection.suite import Suite


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.select", description=__doc__.split("\n")[0])
    data = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--candidates", nargs="+", metavar="NAME", help="entries of models.yaml or folders; or: all")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--teaching", metavar="URI", help="a teaching set that train.pairs made")
    options.add_argument("--data", type=Path, default=Path(data), metavar="DIR", help="folder with mcq/ and prompts/")
    options.add_argument("--out", type=Path, metavar="DIR", help="folder for the table, the picture and the outcomes")
    options.add_argument("--items", type=int, default=100, metavar="N", help="items of each measure (100)")
    options.add_argument("--num-workers", type=int, default=0, metavar="N", help="candidates at a time on Ray; 0: here")
    options.add_argument("--list", action="store_true", help="print the garden with its memory needs, and end")
    return options


def listing() -> str:
    """The garden as a table: licence, context, memory to answer and to train at the trainer's defaults."""
    from deployments import garden

    plan = garden.UsualPlan()
    lines = [f"{'name':27} {'licence':31} {'context':>8} {'answer':>8} {'LoRA':>8} {'QLoRA':>8}  revision"]
    for name, entry in garden.load().items():
        needs = [
            garden.room_for(entry),
            garden.room_for(entry, training=True, plan=plan),
            garden.room_for(entry, quantise="4bit", training=True, plan=plan),
        ]
        sizes = " ".join(f"{need / 1e9:5.1f} GB" for need in needs)
        revision = entry.package or entry.revision or "not pinned"
        lines.append(f"{name:27} {entry.licence:31} {entry.context:8} {sizes}  {revision[:24]}")
    return "\n".join([*lines, f"training: {plan}"])


def select(options: argparse.Namespace, command: str) -> "list[Outcome]":
    """Measure all candidates and write the papers; raises TrainError or garden.GardenError before anything long."""
    from deployments import garden
    from train.selection import running
    from train.selection.outcome import Candidate
    from train.selection.suite import gather

    names = list(garden.load()) if options.candidates == ["all"] else list(dict.fromkeys(options.candidates))
    suite = gather(options.teaching, options.data, options.items)
    found = running.look_up(names, options.models, _say)
    order = [each.name for each in found]
    if len(set(order)) < len(order):
        raise RunError(f"--candidates: expected different names, got {', '.join(order)}")
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes = running.known(found, options.out, suite)
    for outcome in outcomes:
        _say(f"{outcome.name}: {outcome.not_measured or 'measured by an earlier call'}")
    done = {outcome.name for outcome in outcomes}
    left = [each for each in found if isinstance(each, Candidate) and each.name not in done]
    outcomes += _measure(left, suite, options) if left else []
    outcomes.sort(key=lambda outcome: order.index(outcome.name))
    _write(outcomes, options.out, command)
    return outcomes


def _measure(left: "Sequence[Candidate]", suite: "Suite", options: argparse.Namespace) -> "list[Outcome]":
    from train.selection import running
    from train.selection.measuring import measure

    if options.num_workers:
        turns = running.on_ray(left, suite, measure, options.num_workers, _say)
    else:
        turns = running.in_process(left, suite, measure, options.out, _say)
    start, outcomes = time.monotonic(), []
    for number, outcome in enumerate(turns, 1):
        if outcome.scores:
            outcome.write(options.out)
        outcomes.append(outcome)
        rest = (time.monotonic() - start) / number * (len(left) - number)
        told = outcome.not_measured or f"measured in {outcome.seconds:.0f} s"
        _say(f"{outcome.name}: {told}; {number} of {len(left)}, about {rest:.0f} s left")
    return outcomes


def _say(line: str) -> None:
    print(line, flush=True)


def _write(outcomes: "Sequence[Outcome]", out: Path, command: str) -> None:
    from train.lora.run_file import commit, versions
    from train.selection.figure import draw
    from train.selection.table import markdown

    made = {"command": command, "commit": commit(), "versions": versions()}
    told = {"format": 1, "made": made, "candidates": [outcome.model_dump() for outcome in outcomes]}
    (out / "selection.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    (out / "selection.md").write_text(markdown(outcomes, command))
    if any(outcome.scores for outcome in outcomes):
        (out / "selection.svg").write_text(draw(outcomes))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = list(arguments) if arguments is not None else sys.argv[1:]
    options = parser().parse_args(given)
    if options.list:
        print(listing())
        return 0
    from deployments.garden import GardenError

    lacking = [f"--{name}" for name in ("candidates", "teaching", "out") if not getattr(options, name)]
    if lacking or options.items < 1 or options.num_workers < 0:
        wrong = f"expected {', '.join(lacking)}" if lacking else "expected --items of 1 and --num-workers of 0 or more"
        print(f"select: {wrong}", file=sys.stderr)
        return 2
    try:
        outcomes = select(options, shlex.join(["python", "-m", "train.select", *given]))
    except (TrainError, GardenError, PlacementError, OSError) as error:
        print(f"select: {error}", file=sys.stderr)
        return 2
    print(f"see {options.out / 'selection.md'}")
    return 0 if any(outcome.scores for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
