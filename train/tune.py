"""Search for a plan to fine-tune by: `python -m train.tune --model NAME --data URI --out URI --name RUN`.

ASHA on Ray Tune over rank, learning rate, and the weight of the families that keep a tutor safe; each trial is a run of
train.finetune. Leaves in OUT/RUN: best.json (plan, measures, all trials), adapter (of the best trial), trials.md and
trials.svg. The same command goes on after a kill. Plan options give what the search does not vary.
Exit status: 0; 1 when the search failed; 2 when it could not begin.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from train.errors import TrainError
from train.finetune import add_plan_options, plan_of
from train.lora.plan import Plan

DEFAULTS = {"steps": "60", "rows": "2000", "every": "15"}  # a trial is to tell plans apart, not to finish a model


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.tune", description=__doc__.split("\n")[0])
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--data", required=True, metavar="URI", help="a teaching set that train.pairs made")
    options.add_argument("--out", required=True, metavar="URI", help="storage of searches: a folder or a URI")
    options.add_argument("--name", required=True, metavar="RUN", help="the same name goes on with the same search")
    options.add_argument("--trials", type=int, default=8, metavar="N", help="plans to try; default 8")
    options.add_argument("--max-concurrent", type=int, default=2, metavar="N", help="trials at a time; default 2")
    options.add_argument("--num-workers", type=int, default=1, metavar="N", help="Ray workers of a trial; default 1")
    options.add_argument("--use-gpu", action="store_true", help="a GPU for each worker")
    add_plan_options(options)
    options.epilog = f"Without --plan: {' '.join(f'--{name} {value}' for name, value in DEFAULTS.items())}."
    return options


def base_plan(options: argparse.Namespace) -> Plan:
    """The plan that trials vary; raises RunError."""
    if options.plan is None:
        given = {name: value for name, value in vars(options).items() if value is not None}
        options = argparse.Namespace(**(vars(options) | DEFAULTS | given))
    return plan_of(options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    command = shlex.join(["python", "-m", "train.tune", *(sys.argv[1:] if arguments is None else arguments)])
    from train.search import manifest, running

    try:
        wanted = running.Wanted(
            options.model, options.models, options.data, options.out, options.name, base_plan(options), options.trials,
            options.max_concurrent, options.num_workers, options.use_gpu,
        )  # fmt: skip
        prepared = running.prepare(wanted)
    except (TrainError, OSError) as error:
        print(f"tune: {error}", file=sys.stderr)
        return 2
    print(f"{options.trials} trials, {options.max_concurrent} at a time, of {wanted.plan.steps} steps at most, "
          f"{prepared.material.rows} rows", flush=True)  # fmt: skip
    try:
        best = running.run(prepared, command)
    except (TrainError, OSError, RuntimeError) as error:
        print(f"tune: {error}", file=sys.stderr)
        return 1
    print(manifest.table(best.trials))
    print(f"best {best.best}: {best.metrics}, adapter {best.adapter_digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
