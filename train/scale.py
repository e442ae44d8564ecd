"""Weaken an adapter until it forgets little: `python -m train.scale --model NAME --adapter DIR --general FILE --out D`.

Tries scales from 1 down and keeps the largest at which the perplexity of general answers rises by --budget at most.
Writes the scaled adapter with its run.json. Exit status: 0; 1 when no scale keeps the budget; 2 when it could not
begin.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.scale", description=__doc__.split("\n")[0])
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="what train.finetune left")
    options.add_argument("--general", type=Path, required=True, metavar="FILE", help="general answers, JSON Lines")
    options.add_argument("--rows", type=int, default=60, metavar="N", help="so many of them (60)")
    options.add_argument(
        "--budget", type=float, default=0.05, metavar="SHARE", help="how much perplexity may rise (0.05)"
    )
    options.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the scaled adapter")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    command = shlex.join(["python", "-m", "train.scale", *(sys.argv[1:] if arguments is None else arguments)])
    from deployments.adapter import open_adapter
    from deployments.chat import ChatFormat
    from train.errors import ModelError, TrainError
    from train.lora import scaling
    from train.lora.preparing import open_base, require_adapter
    from train.lora.run_file import RunFile

    try:
        base = open_base(options.model, options.models)
        require_adapter(options.adapter, base)
        run = RunFile.read(options.adapter)
        blocks = scaling.general_blocks(options.general, ChatFormat.load(base.folder), run.plan.length, options.rows)
        found = scaling.Scalable(base.folder, options.adapter, run.plan)
    except (TrainError, OSError) as error:
        print(f"scale: {error}", file=sys.stderr)
        return 2
    try:
        scale, before, after = found.largest(blocks, options.budget)
    except ModelError as error:
        print(f"scale: {error}", file=sys.stderr)
        return 1
    scaling.write_scaled(options.adapter, scale, options.out)
    told = {"scale": scale, "general_loss_before": before, "general_loss": after}
    digest = open_adapter(options.out).digest
    made = run.model_copy(
        update={"adapter_digest": digest, "metrics": run.metrics | told, "command": f"{run.command} && {command}"}
    )
    made.write(options.out)
    (options.out / "loss.svg").write_bytes((options.adapter / "loss.svg").read_bytes())
    print(f"scale {scale}: general answers {before:.4f} to {after:.4f} nats a token; adapter {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
