"""Fine-tuning side by side: a plain torch loop, our loop, our command on Ray with 1 and 2 workers, and TRL.

    python -m tests.bench.training [--json] [--write [DIR]] [--repeat 3] [--steps 8] [--only NAME,...] [--tiny]

Same model, rows, plan and number of threads per worker; every contestant in a fresh process, in alternating order,
first steps dropped. Counted are the tokens of the conversations trained on, never padding: per second of wall time, and
per CPU second of the contestant and of all processes that it starts. Ratios are taken within a round, then their
median. --teaching names a teaching set (`train.pairs`); without, rows are made up. --write keeps training.json and
training.svg, in docs/proof unless told where. Exit status: 0; 1 when a contestant failed or did other work; 2 for bad
input.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import training_clock
from tests.bench.training_clock import ROOT, Failed
from tests.bench.training_contestants import CONTESTANTS
from tests.bench.training_figure import draw
from tests.bench.training_setting import Material, Setting, tokens_of, write_rows
from train.errors import TrainError
from train.lora.plan import Plan

RATIOS = (  # name, above, below, aim
    ("Ray's overhead: Ray 1 worker / train.lora.loop", "ray-1", "loop", 0.97),
    ("Ray 1 worker / plain torch loop", "ray-1", "plain", 0.97),
    ("train.lora.loop / plain torch loop", "loop", "plain", None),
    ("train.lora.loop / TRL, padded", "loop", "trl", 1.0),
    ("train.lora.loop / TRL, packing=True", "loop", "trl-packing", 1.3),
    ("scaling: Ray 2 workers / 1 worker", "ray-2", "ray-1", None),
)
SAME_WORK = ("loop", "ray-1", "ray-2")  # see the plain loop's blocks in its order
TOLERANCE = 0.01  # of a loss, relative: bfloat16 sums in another order
UNITS = {"per_s": "tokens/s", "per_cpu_s": "tokens/CPU s"}


def measure(setting: Setting, names: Sequence[str], repeat: int) -> dict[str, Any]:
    """All rounds. A contestant that fails is out; the others keep their figures."""
    rounds: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for number in range(repeat):
        found = {}
        for name in names if number % 2 == 0 else reversed(names):
            if name in failed:
                continue
            try:
                found[name] = training_clock.run(name, setting)
                told = f"{found[name]['per_s']:8.1f} tokens/s {found[name]['per_cpu_s']:8.1f} tokens/CPU s"
            except Failed as error:
                failed[name] = told = str(error)
            print(f"round {number + 1}/{repeat}  {CONTESTANTS[name][0]:24}{told}", flush=True)
        rounds.append(found)
    names = [name for name in names if name not in failed]
    rounds = [{name: each[name] for name in names} for each in rounds]
    return {
        "failed": failed,
        "contestants": {
            name: {unit: spread([each[name][unit] for each in rounds]) for unit in UNITS} for name in names
        },
        "cores_used": {name: median(each[name]["cpu_s"] / each[name]["wall_s"] for each in rounds) for name in names},
        "ratios": ratios(rounds),
        "same_work": same_work(rounds[0]),
        "rounds": rounds,
    }  # fmt: skip


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def ratios(rounds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of RATIOS whose two sides took part; each round gives one value."""
    found = []
    for name, above, below, aim in RATIOS:
        if above in rounds[0] and below in rounds[0]:
            values = {unit: spread([each[above][unit] / each[below][unit] for each in rounds]) for unit in UNITS}
            met = None if aim is None else {unit: value["median"] >= aim for unit, value in values.items()}
            found.append({"ratio": name, "aim": aim, "met": met} | values)
    return found


def same_work(found: dict[str, Any]) -> dict[str, Any]:
    """How far the losses of our contestants are from the plain loop's, the worst step of all, relative."""
    if "plain" not in found:
        return {}
    plain = found["plain"]["losses"]
    apart = {
        name: max(abs(loss / own - 1) for loss, own in zip(found[name]["losses"], plain, strict=True))
        for name in SAME_WORK
        if name in found
    }
    return {"tolerance": TOLERANCE, "worst": apart, "met": all(value <= TOLERANCE for value in apart.values())}


def table(found: dict[str, Any]) -> list[str]:
    """What a reader sees."""
    lines = [f"{'':48}{'tokens/s':>28}{'tokens/CPU s':>28}{'cores':>8}"]
    for name, row in found["contestants"].items():
        figures = "".join(f"{_spread(row[unit], 1):>28}" for unit in UNITS)
        lines.append(f"{CONTESTANTS[name][0]:48}{figures}{found['cores_used'][name]:8.2f}")
    lines.append("")
    for row in found["ratios"]:
        figures = "".join(f"{_spread(row[unit], 3):>28}" for unit in UNITS)
        aim = "" if row["aim"] is None else f"  aim {row['aim']:g}"
        lines.append(f"{row['ratio']:48}{figures}{aim}")
    lines += [f"{CONTESTANTS[name][0]} failed, see above" for name in found["failed"]]
    for name, apart in found["same_work"].get("worst", {}).items():
        lines.append(f"losses of {CONTESTANTS[name][0]}: at most {100 * apart:.3f} % from the plain loop's")
    return lines


def _spread(value: dict[str, float], digits: int) -> str:
    median_, low, high = (f"{value[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median_} ({low} to {high})"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.training", description=__doc__.split("\n")[0])
    options.add_argument("--json", action="store_true", help="print one object last")
    options.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs/proof", metavar="DIR")
    names = ", ".join(CONTESTANTS)
    options.add_argument("--only", type=_names, default=tuple(CONTESTANTS), metavar="NAME,...", help=names)
    options.add_argument("--model", default="smollm2-135m-instruct", help="an entry of models.yaml, or a folder")
    options.add_argument("--models", type=Path, default=ROOT / "var/models", metavar="DIR", help="where weights lie")
    options.add_argument("--teaching", metavar="URI", help="a teaching set; default: made-up rows")
    options.add_argument("--rows", type=int, default=400, help="train on so many rows")
    options.add_argument("--length", type=int, default=512, help="tokens of a packed block")
    options.add_argument("--batch", type=int, default=2, help="blocks of a step, over all workers")
    options.add_argument("--warm", type=int, default=2, help="first steps that are not counted")
    options.add_argument("--steps", type=int, default=8, help="steps that are counted")
    options.add_argument("--repeat", type=int, default=3, help="rounds")
    options.add_argument("--threads", type=int, default=1, help="threads of each worker")
    options.add_argument("--tiny", action="store_true", help="a made-up model of 40,000 weights; for the test")
    options.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    return options


def setting_of(given: argparse.Namespace, folder: Path) -> Setting:
    """The setting that the options ask for; what is made up comes to the folder."""
    length = 1024 if given.tiny else given.length
    data = given.teaching or str(write_rows(folder / "rows", 400, 6 if given.tiny else 18))
    model = given.model
    if given.tiny:
        from tests.unit.train.tiny_model import write_model

        model = str(write_model(folder / "tiny"))
    plan = Plan(rank=8, alpha=16, length=length, batch=given.batch, micro=1, held=1, rows=given.rows, rate=5e-4)
    return Setting(
        model=model, models=given.models, data=data, plan=plan, warm=given.warm, steps=given.steps,
        threads=given.threads,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = parser().parse_args(arguments)
    if given.run:
        name, setting, marks = given.run
        made = CONTESTANTS[name][1](Setting.model_validate_json(Path(setting).read_text()))
        Path(marks).write_text(json.dumps(made))
        return 0
    if min(given.warm, given.steps, given.repeat) < 1:
        print("bench.training: expected --warm, --steps and --repeat of at least 1", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        try:
            setting = setting_of(given, Path(folder))
            packed = packing(Material.gather(setting), setting.plan)
            found = packed | measure(setting, given.only, given.repeat)
        except TrainError as error:
            print(f"bench.training: {error}", file=sys.stderr)
            return 2
    told = about(given, setting, load, sys.argv[1:] if arguments is None else arguments) | found
    print("\n".join(table(told)))
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        (given.write / "training.json").write_text(json.dumps(told, indent=1) + "\n")
        (given.write / "training.svg").write_text(draw(told))
        print(f"written: {given.write / 'training.json'}, {given.write / 'training.svg'}")
    if given.json:
        print(json.dumps(told))
    return 1 if told["failed"] or not told["same_work"].get("met", True) else 0


def packing(material: Material, plan: Plan) -> dict[str, Any]:
    """What the rows are like: how many, and how much of a packed block is not empty."""
    tokens = tokens_of(material.blocks)
    return {
        "conversations": len(material.examples), "blocks": len(material.blocks), "tokens": tokens,
        "filled": tokens / len(material.blocks) / (plan.length + 1),
    }  # fmt: skip


def about(given: argparse.Namespace, setting: Setting, load: float, arguments: Sequence[str]) -> dict[str, Any]:
    """What was run, on what, in which versions. Folders of this machine stay out."""
    import shlex

    from tests.bench.guard import commit, machine
    from train.lora.run_file import versions

    asked = {name: getattr(given, name) for name in ("rows", "length", "batch", "warm", "steps", "repeat", "threads")}
    return {
        "command": shlex.join(["python", "-m", "tests.bench.training", *arguments]), "commit": commit(),
        "versions": versions(), "machine": machine(0), "load_before": load, "asked": asked,
        "model": "tiny" if given.tiny else given.model, "teaching_set": "given" if given.teaching else "made up",
        "plan": setting.whole_plan().model_dump(mode="json"),
    }  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    asked = frozenset(text.split(","))
    if unknown := asked - frozenset(CONTESTANTS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(CONTESTANTS)}, got {', '.join(sorted(unknown))}")
    return tuple(name for name in CONTESTANTS if name in asked)


if __name__ == "__main__":
    sys.exit(main())
