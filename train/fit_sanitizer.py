"""Fit the sanitizer's tagger on Ray Train: `python -m train.fit_sanitizer --data DIR --out DIR`.

Writes tagger.safetensors and card.json (digests, how it was trained, on what). With `--num-workers 0` the same loop
runs in this process, without Ray. What it is worth says `python -m tests.bench.sanitizer`.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train.ray_fit import Wrap, fit_on_ray


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.fit_sanitizer", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--data", type=Path, default=Path(default), help="folder with pii/, ner/ and knowledge/")
    options.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    options.add_argument("--num-workers", type=int, default=1, help="Ray workers; 0 runs here, without Ray")
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--rows", type=int, default=0, help="train on this many rows only (0: all)")
    return options


def progress(seen: dict[str, float]) -> None:
    """One line per look at the dev rows."""
    left = seen["s"] / seen["step"] * (seen["steps"] - seen["step"])
    print(
        f"step {seen['step']:.0f}/{seen['steps']:.0f}  loss {seen['loss']:.4f}  dev {seen['dev']:.4f}  "
        f"{seen['s']:.0f} s, about {left:.0f} s left",
        flush=True,
    )


def fit_one(config: dict[str, Any], rank: int = 0, world: int = 1, wrap: Wrap | None = None) -> Path:
    """Fit on this worker's share of the rows; the folder where rank 0 has put weights and card."""
    import random

    import torch

    from train import sanitizer_data, sanitizer_loop

    plan = sanitizer_loop.Plan(epochs=config["epochs"])
    torch.manual_seed(plan.seed)
    copies = 1 if config["rows"] else sanitizer_data.COPIES  # a trial needs no more
    examples = sanitizer_data.rows(Path(config["data"]), copies)
    train = [each for each in examples if each.split == "train"]
    rng = random.Random(plan.seed)  # noqa: S311 - reproducible, not secret
    rng.shuffle(train)
    train = list(sanitizer_data.joined(train, plan.joined, rng))
    train = train[: config["rows"] or None]
    dev = [each for each in examples if each.split == "dev"][: config["rows"] or None]
    share = train[rank::world][: len(train) // world]  # equal shares: DDP waits for the slowest
    learner = sanitizer_loop.Learner(plan.rank)
    report = progress if rank == 0 else (lambda _: None)
    kept = sanitizer_loop.fit(
        wrap(learner) if wrap else learner, sanitizer_loop.rows(share), sanitizer_loop.rows(dev), plan, report
    )
    out = Path(config["out"])
    if rank == 0:
        rows = dict(sorted(Counter(each.kind for each in train).items()))
        write(out, kept, asdict(plan) | {"workers": world, "rows": rows, "unseen": sanitizer_data.UNSEEN})
    return out


def write(out: Path, tensors: dict[str, Any], training: dict[str, Any]) -> None:
    """The weights in half precision, and the card that names them."""
    from safetensors.torch import save_file

    from guards import tagger
    from guards.card import base_folder
    from guards.encoder import sha256

    out.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, out / "tagger.safetensors")
    card = {
        "digests": {
            "tagger": sha256(out / "tagger.safetensors"),
            "base": sha256(base_folder() / "model.safetensors"),
        },
        "temperature": {"override": 1.0, "intent": 1.0},
        "network": {"alpha": 2.0 * training["rank"], "length": tagger.LENGTH, "overlap": tagger.OVERLAP},
        "classes": list(tagger.CLASSES),
        "training": training,
        "command": "python -m train.fit_sanitizer --data DIR --out DIR",
    }
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if not (options.data / "pii").is_dir():
        print(
            f"fit_sanitizer: expected pii/, ner/ and knowledge/ in {options.data}, see PRECEPTOR_DATA", file=sys.stderr
        )
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    config = {"data": str(options.data), "out": str(options.out), "epochs": options.epochs, "rows": options.rows}
    if options.num_workers:
        fit_on_ray(fit_one, config, options.num_workers, "fit_sanitizer", ("tagger.safetensors", "card.json"))
    else:
        fit_one(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
