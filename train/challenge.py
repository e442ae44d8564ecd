"""Champion and challenger of the guard on the same texts: `python -m train.challenge --challenger DIR --out DIR`.

Both judge by the policy in force. Writes challenge.json, .md and .svg. Exit status: 0 when the challenger may be rolled
out (`train.rollout`), 1 when it is refused, 2 when something could not be read.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.errors import GateError

if TYPE_CHECKING:
    from train.challenger.comparing import Pair
    from train.challenger.items import Item
    from train.challenger.report import Challenge

LATENCY_TEXTS = 200


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import."""
    options = argparse.ArgumentParser(prog="python -m train.challenge", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--challenger", type=Path, required=True, metavar="DIR", help="what train.fit_guard made")
    options.add_argument("--champion", type=Path, metavar="DIR", help="what it is compared with; default: as shipped")
    options.add_argument("--data", type=Path, default=Path(default), help="folder with prompts/ and knowledge/")
    options.add_argument("--most", type=int, default=60, help="held-out rows per source")
    options.add_argument("--disguised", type=Path, metavar="FILE", help="held-out seeds in held-out disguises")
    options.add_argument("--regression", type=Path, metavar="FILE", help="regression.jsonl of train.feedback")
    options.add_argument("--out", type=Path, required=True, metavar="DIR")
    return options


def progress(done: int, of: int) -> None:
    """One line per five hundred texts."""
    if done % 500 == 0 or done == of:
        print(f"judged {done} of {of}", flush=True)


def items(options: argparse.Namespace) -> "list[Item]":
    """All that is asked; raises GateError."""
    from train import guard_data
    from train.challenger import items as asked

    rows = guard_data.split(options.data).of("known", "test")
    found = list(asked.held_out(rows, options.most))
    found += asked.disguised(options.disguised) if options.disguised else []
    return found + (asked.regression(options.regression) if options.regression else [])


def compare(options: argparse.Namespace, asked: "list[Item]") -> "Challenge":
    """Judge everything twice, and the verdict."""
    from guards.policy import Policy
    from train.challenger import comparing, items, rules
    from train.challenger.report import Challenge
    from train.guard_judging import Judge

    judges = {"champion": Judge(options.champion), "challenger": Judge(options.challenger)}
    rows = [item.row for item in asked]
    judged = {name: judge.all(rows, progress) for name, judge in judges.items()}
    pairs: list[Pair] = [comparing.Pair(*three) for three in zip(asked, *judged.values(), strict=True)]
    texts = [row.text for row in rows if len(row.text) < 400][:LATENCY_TEXTS]
    times = [judge.milliseconds(texts) for judge in judges.values()]
    measures = [*comparing.shares(pairs), comparing.calibration(pairs), comparing.latency(*times)]
    broken = rules.broken(measures)
    return Challenge(
        champion=judges["champion"].digest, challenger=judges["challenger"].digest,
        policy_digest=Policy.load().digest, suite_digest=items.digest(asked),
        dataset_digest=_learnt(options.challenger), measures=measures,
        lost=comparing.misses(pairs), passed=not broken, reasons=broken,
        command=f"python -m train.challenge --challenger DIR --out DIR --most {options.most}",
    )  # fmt: skip


def _learnt(folder: Path) -> str | None:
    """Digest of the rows of decisions that the challenger learnt from, by its card."""
    from train.guard_card import card_of

    found: str | None = card_of(folder)["plan"].get("feedback", {}).get("guard_rows")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if not (options.data / "prompts").is_dir():
        print(f"challenge: expected prompts/ and knowledge/ in {options.data}, see PRECEPTOR_DATA", file=sys.stderr)
        return 2
    from guards.errors import WeightsError
    from train.challenger import figure, page, report

    try:
        found = compare(options, items(options))
    except (GateError, WeightsError, OSError) as error:
        print(f"challenge: {error}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    found.write(options.out / report.NAME)
    (options.out / "challenge.md").write_text(page.render(found), encoding="utf-8")
    (options.out / "challenge.svg").write_text(figure.draw(found), encoding="utf-8")
    print(page.render(found), end="")
    return 0 if found.passed else 1


if __name__ == "__main__":
    sys.exit(main())
