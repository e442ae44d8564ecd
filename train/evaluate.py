"""Judge a tuned adapter: `python -m train.evaluate --model NAME --adapter DIR --teaching URI --out DIR`.

Puts the same items to the model before (the base, or the champion's adapter) and after, and writes evaluation.json,
evaluation.md and evaluation.svg. The rules stand in train/evaluation/gate.py. A second call with the same OUT asks
only what is not answered yet. Exit status: 0 when the gate holds, 1 when it does not, 2 when no evaluation was made.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

PROFILES = ("quick", "full", "smoke")


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__.split("\n")[0])
    data = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model's folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="the adapter to judge")
    options.add_argument("--champion", type=Path, metavar="DIR", help="the adapter to beat (default: the base alone)")
    options.add_argument("--teaching", required=True, metavar="URI", help="the teaching set that it was tuned on")
    options.add_argument("--data", type=Path, default=Path(data), metavar="DIR", help="folder with mcq/, prompts/")
    options.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for papers and answers")
    options.add_argument("--profile", choices=PROFILES, default="quick", help="how many items (quick)")
    options.add_argument("--num-workers", type=int, default=0, metavar="N", help="Ray workers; 0: in this process")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = list(arguments) if arguments is not None else sys.argv[1:]
    options = parser().parse_args(given)
    if options.num_workers < 0:
        print("evaluate: expected --num-workers of 0 or more", file=sys.stderr)
        return 2
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from deployments.embedded import ModelFilesDiffer
    from deployments.garden import GardenError
    from deployments.generation import EngineError
    from train.errors import TrainError
    from train.evaluation.running import Plan, evaluate
    from train.placement import PlacementError

    plan = Plan(
        options.model, options.models, options.adapter, options.champion, options.teaching, options.data, options.out,
        options.profile, options.num_workers, shlex.join(["python", "-m", "train.evaluate", *given]),
    )  # fmt: skip
    try:
        evaluation = evaluate(plan, lambda line: print(line, flush=True))
    except (TrainError, GardenError, EngineError, PlacementError, ModelFilesDiffer, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    for reason in evaluation.reasons:
        print(f"does not hold: {reason}")
    print(f"{'the gate holds' if evaluation.passed else 'the gate does not hold'}; see {options.out / 'evaluation.md'}")
    return 0 if evaluation.passed else 1


if __name__ == "__main__":
    sys.exit(main())
