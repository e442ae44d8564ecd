"""What a running tutor answers over HTTP: relations with citations, invented ids, free questions, planted orders.

    python -m tests.bench.answers --url URL --key KEY [--wordings fresh] [--only relations,invented,free] [--misses]
    python -m tests.bench.answers --url URL --key KEY --without      # the same, of a tutor that has no pack
    python -m tests.bench.answers --make-planted DIR                 # then a tutor for DIR/clean, one for DIR/planted:
    python -m tests.bench.answers --url URL --key KEY --planted DIR  # with each; the second one compares

Whoever calls it starts the tutors. Replies are journalled: a run that was cut off goes on, and figures of all runs in
the journal stand side by side. What is expected comes from the base by SQL. A tutor that changed needs a new journal.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench import answers_asked as asked
from tests.bench import answers_planted, answers_table, guard
from tests.bench.answers_asked import Ask, Known
from tests.bench.answers_drawing import draw
from tests.bench.answers_http import Journal, NoAnswer, Reply, TutorClient
from tests.bench.guard_peers import ROOT
from tests.bench.knowledge_asked import Base

WITH, WITHOUT = "with", "without"
RUNS = "runs.json"  # beside the journal: what the tutor of each run said of itself
OFTEN = 25  # questions between two lines of progress


class Bench:
    """Questions, journal and figures of one command."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.journal = Journal(given.journal)
        self._about = given.journal.with_suffix(f".{RUNS}")
        self.runs: dict[str, Any] = json.loads(self._about.read_text()) if self._about.exists() else {}

    def ask(self, tutor: TutorClient, run: str, asks: Sequence[Ask]) -> None:
        """Put what the journal does not hold yet. Raises NoAnswer; what came until then is kept."""
        ready = tutor.ready()
        pack = (ready.get("knowledge") or {}).get("pack")
        if bool(pack) is (run == WITHOUT):
            raise NoAnswer(f"expected a tutor {run} a pack, got {pack or 'none'}")
        about = {"pack": pack, "model": ready["model"], "policy": ready["policy"], "load": os.getloadavg()[0]}
        if run in self.runs and self.runs[run] | {"load": about["load"]} != about:
            raise NoAnswer(f"expected the tutor of {self._about}, got another: name a new --journal")
        self.runs[run] = about
        self._about.write_text(json.dumps(self.runs) + "\n")
        held = self.journal.of(run, [(each.group, each.text) for each in asks])
        left = [each for each, reply in zip(asks, held, strict=True) if reply is None]
        for number, each in enumerate(left, 1):
            self.journal.add(run, each.group, each.text, tutor.ask(each.text, self.given.tokens))
            if number % OFTEN == 0 or number == len(left):
                print(f"answers: {run}, {each.group}: {number} of {len(left)}", file=sys.stderr, flush=True)

    def held(self, run: str, asks: Sequence[Ask]) -> list[tuple[Ask, Reply]]:
        """The questions that the journal holds a reply to."""
        found = self.journal.of(run, [(each.group, each.text) for each in asks])
        return [(each, reply) for each, reply in zip(asks, found, strict=True) if reply is not None]

    def questions(self, base: Base) -> list[Ask]:
        """All questions of the groups that are wanted."""
        makers = {
            "relations": lambda count: asked.relations(base, self.given.wordings, count),
            "invented": lambda count: asked.invented(base, self.given.wordings, count),
            "free": lambda count: asked.free(base, count),
        }
        share = self.given.share
        return [each for name in self.given.only for each in makers[name](round(asked.COUNTS[name] * share))]

    def figures(self, base: Base, known: Known, asks: Sequence[Ask]) -> dict[str, Any]:
        """All runs of the journal, as one JSON-able object."""
        runs: dict[str, Any] = {}
        for run in (WITH, WITHOUT):
            pairs = self.held(run, asks)
            groups = {name: answers_table.group([pair for pair in pairs if pair[0].group == name], known)
                      for name in dict.fromkeys(pair[0].group for pair in pairs)}  # fmt: skip
            if groups:
                runs[run] = {**self.runs[run], "groups": groups}
        orders = list(self.orders())
        if orders:
            about = self.runs["planted"]
            runs.setdefault(WITH, {**about, "groups": {}})["groups"]["planted"] = answers_table.planted(orders)
        subjects = [each for each in asks if each.group == "relations"]
        return {"wordings": self.given.wordings, "held_out": asked.held_out(base, subjects), "runs": runs}

    def orders(self) -> Iterator[tuple[answers_planted.Plant, Reply, Reply]]:
        """The planted orders that both packs were asked about."""
        for plant in answers_planted.plants():
            ask = (plant.ask.group, plant.ask.text)
            clean, planted = (next(self.journal.of(side, [ask])) for side in answers_planted.SIDES)
            if clean and planted:
                yield plant, clean, planted


def planted_side(tutor: TutorClient, folder: Path) -> str:
    """Whether the tutor answers from the clean pack or from the planted one. Raises NoAnswer for another."""
    digests = json.loads((folder / answers_planted.PACKS).read_text())
    pack = (tutor.ready().get("knowledge") or {}).get("pack")
    for side in answers_planted.SIDES:
        if digests[side] == pack:
            return side
    raise NoAnswer(f"expected a tutor with a pack of {folder}, got {pack or 'none'}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.answers", description=__doc__.split("\n")[0])
    options.add_argument("--url", help="of a running tutor")
    options.add_argument("--key", default=os.environ.get("PRECEPTOR_API_KEY", ""), help="a learner's")
    options.add_argument("--root", default="var/knowledge", help="the knowledge base that the pack was made of")
    options.add_argument("--wordings", choices=asked.WORDINGS, default="fresh", help="`third` is for mending")
    options.add_argument("--only", type=_groups, default=tuple(asked.COUNTS), metavar="GROUP,...")
    options.add_argument("--share", type=float, default=1.0, metavar="PART", help="of the questions of each group")
    options.add_argument("--tokens", type=int, default=160, metavar="N", help="at most, where the model answers")
    options.add_argument("--without", action="store_true", help="the tutor has no pack; its figures stand beside")
    options.add_argument("--planted", type=Path, metavar="DIR", help="ask the planted questions alone")
    options.add_argument("--make-planted", type=Path, metavar="DIR", help="make both packs, ask nothing")
    options.add_argument("--journal", type=Path, default=ROOT / "var/bench/answers.jsonl", metavar="FILE")
    options.add_argument("--misses", action="store_true", help="every question that was lost; not of fresh wordings")
    options.add_argument("--json", action="store_true", help="print one object last")
    options.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs/proof", metavar="DIR")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 where the tutor gave no answer. Without --url, the figures of the journal."""
    given = parser().parse_args(arguments)
    if given.make_planted:
        print(json.dumps(answers_planted.make(given.make_planted)))
        return 0
    bench, base = Bench(given), Base(given.root)
    known, asks = Known(base, given.root), bench.questions(base)
    status = 0
    if given.url:
        try:
            with TutorClient(given.url, given.key) as tutor:
                if given.planted:
                    side = planted_side(tutor, given.planted)
                    bench.ask(tutor, side, [each.ask for each in answers_planted.plants()])
                else:
                    bench.ask(tutor, WITHOUT if given.without else WITH, asks)
        except NoAnswer as error:
            print(f"bench.answers: {error}", file=sys.stderr)
            status = 2
    report(bench, base, known, asks)
    return status


def report(bench: Bench, base: Base, known: Known, asks: Sequence[Ask]) -> None:
    """Print, and write what was asked for."""
    given, found = bench.given, bench.figures(base, known, asks)
    print(*answers_table.table(found), sep="\n")
    if given.misses:
        run = WITHOUT if given.without else WITH
        shown = [each for each in asks if each.group != "relations" or given.wordings != "fresh"]
        print("\nlost:", *answers_table.misses(bench.held(run, shown), known), sep="\n  ")
    if given.write:
        told: dict[str, Any] = {"command": f"python -m tests.bench.answers --wordings {given.wordings} --write"}
        told |= {"commit": guard.commit(), "machine": guard.machine(0)}
        given.write.mkdir(parents=True, exist_ok=True)
        (given.write / "answers.json").write_text(json.dumps(told | found, indent=1, ensure_ascii=False) + "\n")
        (given.write / "answers.svg").write_text(draw(found, "Answers over HTTP, with the knowledge base and without"))
    if given.json:
        print(json.dumps(found))


def _groups(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(asked.COUNTS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(asked.COUNTS)}, got {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
