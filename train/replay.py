"""A model's own answers to general asks: `python -m train.replay --model NAME --prompts FILE… --out FILE.jsonl`.

Mixed into the rows of train.finetune --general, they keep a tuned model near what it was (self-distillation, Yang et
al. 2024). Prompts are JSON Lines (.gz) with text or prompt, without a label or with a harmless one; --rows of each
file are taken, by digest. A second call goes on where the first was cut off. Exit status: 0, or 2 when it could not
run.
"""

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

BATCH = 64
_HARMLESS = {"benign", "educational"}


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.replay", description=__doc__.split("\n")[0])
    options.add_argument("--model", required=True, metavar="NAME", help="an entry of models.yaml, or a model folder")
    options.add_argument("--models", type=Path, default=Path("var/models"), metavar="DIR", help="where weights lie")
    options.add_argument("--prompts", type=Path, nargs="+", required=True, metavar="FILE", help="JSON Lines (.gz)")
    options.add_argument("--rows", type=int, default=100, metavar="N", help="prompts of each file (100)")
    options.add_argument("--tokens", type=int, default=96, metavar="N", help="the longest answer (96)")
    options.add_argument("--out", type=Path, required=True, metavar="FILE", help="prompt, response and ended, by line")
    return options


def prompts(path: Path, count: int, longest: int = 1500) -> list[str]:
    """`count` prompts of a file, the same each time; raises DatasetError."""
    from train.errors import DatasetError

    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = [json.loads(line) for line in lines]
        found = {str(row.get("text") or row["prompt"]) for row in rows if row.get("label", "benign") in _HARMLESS}
    except (OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise DatasetError(f"{path.name}: expected JSON Lines with text or prompt, got {error}") from error
    usable = [each for each in found if len(each) <= longest]
    return sorted(usable, key=lambda each: hashlib.sha256(each.encode()).digest())[:count]


def answer(model: Path, asks: Sequence[str], tokens: int, out: Path) -> None:
    """Append an answer to each ask that has none yet; half a last line, from a kill, is written anew."""
    from deployments.chat import SYSTEM, Turn
    from deployments.engine.transformers_engine import TransformersEngine
    from deployments.generation import Sampling

    done = [line for line in out.read_text().splitlines(keepends=True) if line.endswith("\n")] if out.exists() else []
    out.write_text("".join(done))
    left = [ask for ask in asks if ask not in {json.loads(line)["prompt"] for line in done}]
    engine = TransformersEngine.load(model)
    with out.open("a") as file:
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            turns = [[Turn("system", SYSTEM), Turn("user", ask)] for ask in batch]
            sampling = Sampling(tokens, temperature=0.7, top_p=0.95, repetition=1.0, seed=start)
            texts = engine.complete([engine.chat.encode(each) for each in turns], sampling, BATCH)
            for ask, text in zip(batch, texts, strict=True):
                ended = len(engine.chat.encode_answer(text)) <= tokens
                if text.strip():
                    file.write(json.dumps({"prompt": ask, "response": text, "ended": ended}) + "\n")
            file.flush()
            print(f"{start + len(batch)} of {len(left)} answered", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    from train.errors import TrainError
    from train.lora.preparing import open_base

    try:
        base = open_base(options.model, options.models)
        asks = [ask for path in options.prompts for ask in prompts(path, options.rows)]
        answer(base.folder, asks, options.tokens, options.out)
    except (TrainError, OSError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
