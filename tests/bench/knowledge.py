"""How well and how fast a pack answers: relations, identifiers, invented ones, search; time and memory on one core.

    python -m tests.bench.knowledge --root var/knowledge --pack var/packs/DIGEST [--fresh] [--misses] [--json]

Answers that are expected come from the base by SQL, not from the pack. `--fresh` asks in the wordings that nobody tuned
anything for. Without vectors in the pack words decide, and the table says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import knowledge_asked as asked
from tests.bench.knowledge_asked import Question
from tests.bench.knowledge_memory import resident

AIMS = {"recall@5": 0.9, "exact": 0.95, "not known": 0.98, "p50_ms": 15.0, "p95_ms": 40.0}


@dataclass(slots=True)
class Tally:
    """Right answers by way of asking, what was missed, and milliseconds of processor and of the clock per question."""

    right: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)

    def timed(self, work: Callable[[], Any]) -> Any:
        """Do it and note how long it took."""
        processor, clock = time.process_time(), time.perf_counter()
        done = work()
        self.processor.append((time.process_time() - processor) * 1000)
        self.clock.append((time.perf_counter() - clock) * 1000)
        return done

    def note(self, way: str, right: bool, miss: str) -> None:
        """One question more."""
        self.total[way] += 1
        self.right[way] += right
        if not right:
            self.misses.append(miss)

    def shares(self) -> dict[str, float]:
        """Share of right answers, by way and over all."""
        by_way = {way: self.right[way] / count for way, count in self.total.items()}
        return {"all": self.right.total() / self.total.total(), **by_way}


def exact(knowledge: Any, questions: Sequence[Question]) -> Tally:
    """Whether the graph names exactly what the base holds, each with its citation."""
    tally = Tally()
    for question in questions:
        answers = tally.timed(lambda question=question: knowledge.answer(question.text))
        answer = answers[0] if answers else None
        got = frozenset(answer.things) if answer else frozenset()
        cited = {name for sentence in answer.sentences for name in sentence.cites} if answer else set()
        right = got == question.expected and question.expected <= cited
        told = f"{answer.concept} of {answer.subject} by {answer.how}, {len(got)} things" if answer else "nothing"
        tally.note(question.way, right, f"{question.form}, {question.subject}: {question.text!r}: expected "
                   f"{len(question.expected)} things, got {told}")  # fmt: skip
    return tally


def unknown(knowledge: Any, questions: Sequence[Question]) -> Tally:
    """Whether the graph says that it does not know, and nothing else."""
    tally = Tally()
    for question in questions:
        answers = tally.timed(lambda question=question: knowledge.answer(question.text))
        outcomes = {str(answer.outcome) for answer in answers}
        tally.note("invented", outcomes == {"unknown"}, f"{question.text!r}: got {sorted(outcomes)}")
    return tally


def meant(knowledge: Any, questions: Sequence[Question]) -> Tally:
    """Whether the graph takes up what is meant: one of the things, and what is asked of it."""
    tally = Tally()
    for question in questions:
        answers = tally.timed(lambda question=question: knowledge.answer(question.text))
        got = [(answer.subject, answer.concept) for answer in answers]
        right = bool(got) and got[0][0] in question.expected and got[0][1] == question.form
        tally.note(question.way, right, f"{question.text!r}: got {got[:1]}")
    return tally


def recall(knowledge: Any, questions: Sequence[Question]) -> Tally:
    """Whether search finds the record among the first five."""
    tally = Tally()
    for question in questions:
        hits = tally.timed(lambda question=question: knowledge.search(question.text, 5))
        found = [thing.id for thing, _ in hits]
        tally.note(question.form, question.subject in found, f"{question.subject}: {question.text!r}: got {found}")
    return tally


def measure(root: str, folder: Path, which: str, *, words_alone: bool) -> dict[str, Any]:
    """All figures of one pack."""
    from deployments.knowledge import encoder
    from deployments.knowledge.knowledge import Knowledge

    manifest = json.loads((folder / "manifest.json").read_bytes())
    base = asked.Base(root)
    encode = encoder.Encoder.load().encode if not words_alone else None
    started = time.process_time()
    knowledge = Knowledge.open(folder, encode, verify=False)
    opened = (time.process_time() - started) * 1000
    knowledge.answer("Which mitigations help against phishing?")  # the first question pays for imports
    tallies = {
        "exact": exact(knowledge, asked.relations(base, which)),
        "not known": unknown(knowledge, asked.invented(base, which)),
        "meant": meant(knowledge, asked.natural()),
        "recall@5": recall(knowledge, asked.descriptions(base, which)),
    }
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "pack": folder.name, "wordings": which, "encoder": bool(encode),
        "vectors": bool(encode and manifest["vectors"]), "things": len(knowledge.pack),
        "pack_mib": size / 2**20, "open_ms": opened, "memory_mib": resident(folder, encoded=bool(encode)),
        "load": os.getloadavg()[0],
        "shares": {name: tally.shares() for name, tally in tallies.items()},
        "times": {name: _times(tally) for name, tally in tallies.items()},
        "counts": {name: dict(tally.total) for name, tally in tallies.items()},
        "misses": {name: tally.misses for name, tally in tallies.items()},
    }  # fmt: skip


def _times(tally: Tally) -> dict[str, float]:
    def at(values: list[float], share: float) -> float:
        return sorted(values)[min(int(len(values) * share), len(values) - 1)]

    return {
        "p50_ms": statistics.median(tally.processor), "p95_ms": at(tally.processor, 0.95),
        "clock_p50_ms": statistics.median(tally.clock), "clock_p95_ms": at(tally.clock, 0.95),
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """What a reader sees."""
    how = ("words" if found["encoder"] else "words alone") + (" and vectors" if found["vectors"] else "")
    head = (f"pack {found['pack'][:16]}, {found['things']:,} things, {found['pack_mib']:.1f} MiB, {how}; wordings: "
             f"{found['wordings']}; load {found['load']:.1f}")  # fmt: skip
    lines = [head, f"opened in {found['open_ms']:.0f} ms; MiB of two readers: {found['memory_mib']}"]
    for name, shares in found["shares"].items():
        times = found["times"][name]
        said = ", ".join(f"{way} {share:.1%} of {found['counts'][name].get(way, sum(found['counts'][name].values()))}"
                         for way, share in shares.items())  # fmt: skip
        aim = f" (aim {AIMS[name]:.0%})" if name in AIMS else ""
        lines.append(f"{name}{aim}: {said}")
        lines.append(f"    processor p50 {times['p50_ms']:.1f} ms, p95 {times['p95_ms']:.1f} ms; "
                     f"clock p50 {times['clock_p50_ms']:.1f} ms, p95 {times['clock_p95_ms']:.1f} ms")  # fmt: skip
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.knowledge", description=__doc__)
    parser.add_argument("--root", default="var/knowledge")
    parser.add_argument("--pack", type=Path, required=True, help="the folder of a pack")
    parser.add_argument("--fresh", action="store_true", help="the wordings that nothing was tuned for")
    parser.add_argument("--words-alone", action="store_true", help="without the encoder")
    parser.add_argument("--misses", action="store_true", help="every question that was missed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if len(os.sched_getaffinity(0)) > 1:  # libraries count cores when they are loaded, so one core is for the process
        again = [sys.executable, "-m", "tests.bench.knowledge", *(arguments or sys.argv[1:])]
        return subprocess.run(["taskset", "-c", "0", *again], check=False).returncode
    which = "fresh" if options.fresh else "tuned"
    found = measure(options.root, options.pack, which, words_alone=options.words_alone)
    print(table(found))
    for name, misses in found["misses"].items() if options.misses else ():
        print(f"\n{name}, missed:", *misses, sep="\n  ")
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
