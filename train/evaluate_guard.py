"""The guard's performance sheet: `python -m train.evaluate_guard --data DIR`.

Judges every held-out row with the whole guard, fits one guard per group of left-out sources (`--unseen`; about twenty
minutes each on one core, resumed from --home), prints the tables, writes sheet.json beside the weights, and guard.md
and guard.svg.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from train.guard_judging import Judge
    from train.guard_measures import Judged

_LATENCY_PROMPTS = 200


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import."""
    options = argparse.ArgumentParser(prog="python -m train.evaluate_guard", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--data", type=Path, default=Path(default), help="folder with prompts/ and knowledge/")
    options.add_argument("--weights", type=Path, default=Path("guards/weights"), help="the guard to measure")
    options.add_argument("--docs", type=Path, default=Path("docs"), help="folder for guard.md and guard.svg")
    options.add_argument("--unseen", action="store_true", help="also fit the guards that leave sources out")
    options.add_argument("--home", type=Path, default=Path("var/guard-unseen"), help="where those guards are kept")
    options.add_argument("--jobs", type=int, default=1, help="how many of them to fit at a time")
    return options


def progress(done: int, of: int) -> None:
    """One line per thousand rows."""
    if done % 1000 == 0 or done == of:
        print(f"judged {done} of {of}", flush=True)


def unseen(options: argparse.Namespace, judge: "Judge") -> "tuple[list[Judged], list[list[Judged]], list[Judged]]":
    """Rows of test-only sets and, if wanted, left-out sources; the same by guard; those of the languages fold."""
    from train import guard_data, guard_unseen
    from train.guard_sources import SOURCES

    test_only = {s.name for s in SOURCES if s.split in {"test", "stop"}}
    rows = [row for row in guard_data.split(options.data).of("test", "stop") if row.source in test_only]
    judged: dict[str, list[Judged]] = {row.source: [] for row in rows}
    for row in judge.all(rows, progress):
        judged[row.source].append(row)
    apart, spoken = [[row for group in judged.values() for row in group]], []
    folds = guard_unseen.measured(options.data, options.home, options.jobs) if options.unseen else ()
    for fold, found in folds:
        print(f"left out: {fold}: {len(found)} rows", flush=True)
        if fold == guard_unseen.LANGUAGES:
            spoken = found
            continue
        apart.append(found)
        for source in {source.name for source in SOURCES if source.group == fold}:
            judged[source] = [row for row in found if row.source == source]
    return [row for group in judged.values() for row in group], apart[1:] or apart, spoken


def sheet(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that the options ask for."""
    from train import guard_data, guard_sheet, guard_targets
    from train.guard_judging import Judge

    judge = Judge(options.weights)
    known_rows = guard_data.split(options.data).of("known")
    known = judge.all(known_rows, progress)
    left_out, apart, spoken = unseen(options, judge)
    prose = [row.text for row in known_rows if row.label == "educational" and len(row.text) > 400]
    plain = [row.text for row in known_rows if 250 <= len(row.text) <= 330 and row.language == "english"]
    return {
        "command": f"python -m train.evaluate_guard --data DIR{' --unseen' * options.unseen}",
        "guard": judge.digest,
        "targets": guard_sheet.targets(guard_targets.measured(guard_targets.Rows(known, left_out, apart))),
        "reliability": guard_sheet.curves(known),
        "evasion": guard_sheet.evasion(judge, known_rows),
        "languages": guard_sheet.languages(spoken),
        "known": guard_sheet.per_source(known),
        "unseen": guard_sheet.per_source(left_out),
        "latency": guard_sheet.latency(judge, plain[:_LATENCY_PROMPTS], prose),
        "misses": guard_sheet.misses([*known, *left_out]),
    }


def show(found: dict[str, Any]) -> None:
    """Print the sources and the aims."""
    from train import guard_sheet

    for part in ("known", "unseen"):
        print(f"\n{part + ': source and label':44}{'n':>6}{'refused %':>9}  95 % interval  lesson %")
        for name, rates in found[part].items():
            print(guard_sheet.line(name, rates))
    print()
    for row in found["targets"]:
        value = "not run" if row["value"] is None else f"{row['value']:.4f}"
        print(f"{row['measure']:52}{row['aim']:>10}{value:>10}  {'met' if row['met'] else 'MISSED'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if not (options.data / "prompts").is_dir():
        print(f"evaluate_guard: expected prompts/ and knowledge/ in {options.data}", file=sys.stderr)
        return 2
    from train import guard_figure, guard_page

    found = sheet(options)
    show(found)
    (options.weights / "sheet.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    options.docs.mkdir(parents=True, exist_ok=True)
    (options.docs / "guard.md").write_text(guard_page.render(found))
    (options.docs / "guard.svg").write_text(guard_figure.draw(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
