"""Fine-tune a model by LoRA or QLoRA: `python -m train.finetune --model NAME --data URI --out URI --name RUN`.

Trains on split train of a teaching set (`train.pairs`), evaluates on split dev, and leaves OUT/RUN/adapter: the adapter
with the best held-out loss, run.json and loss.svg. Checkpoints lie in OUT/RUN; the same command goes on after a kill.
With `--num-workers 0` the same loop runs in this process, without Ray; MIN:MAX workers come and go with the cluster.
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


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.finetune", description=__doc__.split("\n")[0])
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--data", required=True, metavar="URI", help="a teaching set that train.pairs made")
    options.add_argument("--out", required=True, metavar="URI", help="storage of runs: a folder or a URI")
    options.add_argument("--name", required=True, metavar="RUN", help="the same name goes on with the same run")
    options.add_argument("--num-workers", default="1", metavar="N|MIN:MAX", help="Ray workers; 0 runs here")
    options.add_argument("--use-gpu", action="store_true", help="a GPU for each worker")
    options.add_argument("--adapter", type=Path, metavar="DIR", help="an adapter of the same base to go on from")
    told = "general conversations to mix in, JSON Lines, such as train.replay makes"
    options.add_argument("--general", type=Path, metavar="FILE", help=told)
    lineage.add_options(options)
    add_plan_options(options)
    return options


def add_plan_options(options: argparse.ArgumentParser) -> None:
    """Every number of a plan by its own name; --plan FILE gives them all."""
    group = options.add_argument_group("plan")
    group.add_argument(
        "--plan", type=Path, metavar="FILE", help="a plan in JSON, or the run.json of a run; options beside it win"
    )
    group.add_argument("--mix", action="append", metavar="FAMILY=WEIGHT", help="draw a family's rows more, or less")
    for name, field in Plan.model_fields.items():
        if field.annotation is bool:
            group.add_argument(f"--{name}", action="store_true", default=None, help=field.description)
        elif name != "mix":
            told = f"{field.description + '; ' if field.description else ''}default {field.default}"
            group.add_argument(f"--{name}", metavar=name.upper()[:1], help=told)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for; raises RunError."""
    from pydantic import ValidationError

    given = {name: getattr(options, name) for name in Plan.model_fields if name != "mix"}
    try:
        first = read_plan(options.plan) if options.plan else Plan()
        mix = dict(first.mix)
        for each in options.mix or ():
            family, _, weight = each.partition("=")
            mix[family] = float(weight)
        asked = {name: value for name, value in given.items() if value is not None}
        return Plan.model_validate(first.model_dump() | asked | {"mix": mix})
    except (ValidationError, ValueError, OSError) as error:
        raise RunError(f"plan: {str(error)[:400]}") from error


def read_plan(path: Path) -> Plan:
    """The plan in a file, its own or a run's; raises OSError, ValueError."""
    import json

    told = json.loads(path.read_text())
    return Plan.model_validate(told.get("plan", told) if isinstance(told, dict) else told)


def workers_of(text: str) -> tuple[int, int]:
    """The text "2" or "1:4" as fewest and most; raises RunError."""
    fewest, _, most = text.partition(":")
    try:
        found = int(fewest), int(most or fewest)
    except ValueError:
        found = (1, 0)
    if not 0 <= found[0] <= found[1] or (found[0] == 0 and found[1] > 0):
        raise RunError(f"--num-workers: expected N or MIN:MAX, such as 2 or 1:4, got {text[:40]!r}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    command = shlex.join(["python", "-m", "train.finetune", *(sys.argv[1:] if arguments is None else arguments)])
    from train import finetuning

    try:
        plan, workers = plan_of(options), workers_of(options.num_workers)
        wanted = finetuning.Wanted(
            options.model, options.models, options.data, options.out, options.name, plan, workers, options.use_gpu,
            options.adapter, options.general,
        )  # fmt: skip
        client = lineage.log_client(options.log, options.token_file) if options.log is not None else None
        prepared = finetuning.prepare(wanted)
    except (TrainError, OSError) as error:
        print(f"finetune: {error}", file=sys.stderr)
        return 2
    print(finetuning.told(prepared), flush=True)
    try:
        made = finetuning.run(prepared, command)
        if client is not None:
            finetuning.record(made, client)
    except (TrainError, OSError, RuntimeError) as error:
        print(f"finetune: {error}", file=sys.stderr)
        return 1
    print(f"adapter {made.adapter_digest}: {made.metrics}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
