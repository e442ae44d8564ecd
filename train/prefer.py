"""Tune refusals on both sides: `python -m train.prefer --model NAME --adapter DIR --teaching URI --out URI --name RUN`.

Goes on from an adapter that train.finetune made. Harmful questions of the teaching set (`train.pairs`) are to be
refused and harmless ones that sound alike answered, one pair for one; lessons neither refused nor cut short. By KTO or
DPO of TRL. Leaves OUT/RUN/adapter: adapter, run.json, loss.svg, preferences.json (counts by side, origin).
The same command goes on after a kill. With `--num-workers 0` it runs in this process, without Ray.
Exit status: 0; 1 when the run failed; 2 when it could not begin.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from train import lineage
from train.errors import RunError, TrainError
from train.lora.plan import Plan
from train.preference.settings import DEFAULTS, Settings

_PLAN = ("rate", "warmup", "length", "batch", "micro", "epochs", "steps", "every", "held", "rows", "seed", "dtype")
_MEANING = {"rows": "pairs to train on, both sides together", "held": "pairs of split dev to evaluate on"}


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.prefer", description=__doc__.split("\n")[0])
    options.add_argument("--method", choices=("kto", "dpo"), default="dpo", help="default dpo")
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="the adapter to start from")
    options.add_argument("--teaching", required=True, metavar="URI", help="a teaching set that train.pairs made")
    options.add_argument("--feedback", type=Path, metavar="DIR", help="what train.feedback made: pairs of decisions")
    options.add_argument("--out", required=True, metavar="URI", help="storage of runs: a folder or a URI")
    options.add_argument("--name", required=True, metavar="RUN", help="the same name goes on with the same run")
    options.add_argument("--num-workers", type=int, default=1, metavar="N", help="Ray workers; 0 runs here")
    options.add_argument("--use-gpu", action="store_true", help="a GPU for each worker")
    lineage.add_options(options)
    group = options.add_argument_group("settings")
    for name in ("beta", "sampled"):
        field = Settings.model_fields[name]
        group.add_argument(f"--{name}", metavar="N", help=f"{field.description}; default {field.default}")
    for name in _PLAN:
        field = Plan.model_fields[name]
        meaning = _MEANING.get(name, field.description)
        told = f"{meaning + '; ' if meaning else ''}default {DEFAULTS.get(name, field.default)}"
        group.add_argument(f"--{name}", metavar=name.upper()[:1], help=told)
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options ask for; raises RunError."""
    from pydantic import ValidationError

    asked = {name: getattr(options, name) for name in _PLAN if getattr(options, name) is not None}
    own = {name: getattr(options, name) for name in ("beta", "sampled") if getattr(options, name) is not None}
    try:
        return Settings(method=options.method, plan=Plan.model_validate(DEFAULTS | asked), **own)
    except ValidationError as error:
        raise RunError(f"settings: {str(error)[:400]}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    command = shlex.join(["python", "-m", "train.prefer", *(sys.argv[1:] if arguments is None else arguments)])
    from train.preference.quiet import stay_offline

    stay_offline()
    from train.preference import preparing, running

    try:
        if options.num_workers < 0:
            raise RunError(f"--num-workers: expected 0 or more, got {options.num_workers}")
        client = lineage.log_client(options.log, options.token_file) if options.log is not None else None
        wanted = preparing.Wanted(
            options.model, options.models, options.adapter, options.teaching, options.out, options.name,
            settings_of(options), options.num_workers, options.use_gpu, options.feedback,
        )  # fmt: skip
        prepared = preparing.prepare(wanted, lambda told: print(told, flush=True))
    except (TrainError, OSError) as error:
        print(f"prefer: {error}", file=sys.stderr)
        return 2
    print(running.told(prepared), flush=True)
    try:
        made = running.run(prepared, command)
        if client is not None:
            from train.finetuning import record

            record(made, client)
    except (TrainError, OSError, RuntimeError) as error:
        print(f"prefer: {error}", file=sys.stderr)
        return 1
    print(f"adapter {made.adapter_digest}: {made.metrics}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
