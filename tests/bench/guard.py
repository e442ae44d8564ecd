"""Our guard beside the guards that install and run without a network: what each catches, wrongly blocks and costs.

    python -m tests.bench.guard [--json] [--rows 1200] [--only GUARD,...] [--write [DIR]]

The same held-out texts in the same order, one core and one thread, one guard after another, each in a process of its
own. The threshold of "at 1 % FPR" is set for each guard on the benign texts of the run. A peer's environment is made
at its first run, under --home. --write draws guard.svg and writes guard.json, into docs/proof unless told where.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.environments import NotRun
from tests.bench.guard_drawing import draw
from tests.bench.guard_peers import NAMES, ROOT, Run, read
from tests.bench.guard_prompts import Prompt, chosen
from tests.bench.guard_table import figures, table

ROWS_PER_SPEED = 6
LEAST_SPEED = 20
LEAST_ROWS = 40


def measure(data: Path, rows: int, names: Sequence[str], home: Path, core: int) -> dict[str, Any]:
    """All chosen guards, one after the other, as one JSON-able object."""
    from guards.encoder import card_digest
    from train import guard_data

    prompts = chosen(guard_data.split(data).of("known", "test"), rows, max(LEAST_SPEED, rows // ROWS_PER_SPEED))
    runs: dict[str, Run] = {}
    found: dict[str, Any] = {
        "machine": machine(core) | {"guard": card_digest(), "texts_sha256": digest(prompts)},
        "texts": dict(Counter(prompt.group for prompt in prompts)),
        "not_run": {}, "before": {},
    }  # fmt: skip
    for name in names:
        found["before"][name] = os.getloadavg()[0]
        try:
            runs[name] = read(name, prompts, home, core)
        except NotRun as error:
            found["not_run"][name] = str(error)
    return found | figures(prompts, runs)


def machine(core: int) -> dict[str, str]:
    """What the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    python = f"{platform.python_version()}, {os.cpu_count()} processors, {platform.platform()}"
    return {"python": python, "processor": f"{(models or ['unknown'])[0]}, core {core}"}


def digest(prompts: Sequence[Prompt]) -> str:
    """Names the texts: figures of runs with other texts are not to be set side by side."""
    return hashlib.sha256(json.dumps([(prompt.group, prompt.text) for prompt in prompts]).encode()).hexdigest()


def commit() -> str:
    """The commit that was measured; "-dirty" where the working tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.guard", description=__doc__)
    data = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))
    options.add_argument("--json", action="store_true", help="print one object last")
    options.add_argument("--rows", type=_rows, default=1200, metavar="N", help="half benign, a quarter of each attack")
    options.add_argument("--only", type=_names, default=NAMES, metavar="GUARD,...", help=", ".join(NAMES))
    options.add_argument("--data", type=Path, default=data, metavar="DIR", help="folder with prompts/ and knowledge/")
    options.add_argument("--home", type=Path, default=ROOT / "var/bench/peers", metavar="DIR", help="the environments")
    options.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), metavar="N", help="where all run")
    options.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs/proof", metavar="DIR")
    options.add_argument("--remark", default="", metavar="TEXT", help="goes into guard.json")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, write what was asked for; 2 where the data is not."""
    given = parser().parse_args(arguments)
    if not (given.data / "prompts").is_dir():
        print(f"bench.guard: expected prompts/ and knowledge/ in {given.data}", file=sys.stderr)
        return 2
    found = measure(given.data, given.rows, given.only, given.home, given.core)
    for line in table(found):
        print(line)
    if given.write:
        told = {"command": f"python -m tests.bench.guard --rows {given.rows} --write"}
        told |= {"commit": commit(), "remark": given.remark}
        given.write.mkdir(parents=True, exist_ok=True)
        (given.write / "guard.json").write_text(json.dumps(told | found, indent=1, ensure_ascii=False) + "\n")
        (given.write / "guard.svg").write_text(draw(found, "Guards on the same held-out texts, one core"))
        print(f"written: {given.write / 'guard.json'}, {given.write / 'guard.svg'}")
    if given.json:
        print(json.dumps(found))
    return 0


def _rows(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST_ROWS:
        raise argparse.ArgumentTypeError(f"expected at least {LEAST_ROWS}, got {text}")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    asked = frozenset(text.split(","))
    if unknown := asked - frozenset(NAMES):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(NAMES)}, got {', '.join(sorted(unknown))}")
    return tuple(name for name in NAMES if name in asked)


if __name__ == "__main__":
    sys.exit(main())
