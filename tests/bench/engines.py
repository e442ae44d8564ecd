"""Our engine beside others on the same weights: one core, one thread, one stream and eight, greedy.

    python -m tests.bench.engines --setup
    python -m tests.bench.engines [--rounds 3] [--tokens 48,200] [--only NAME,...] [--before CHECKOUT]
        [--anyway] [--fresh] [--json] [--write [DIR]]

Rounds are interleaved: every engine once, each in a process of its own, then all again the other way round. A round
that is done is kept under --home and not repeated, unless the machine was busy, so an interrupted run is taken up by
the same command; --fresh forgets. An engine that is not installed becomes a line "not run"; --setup installs. --before
measures the engine of another checkout of this repository too. --write draws engines.svg and writes engines.json, into
docs/proof unless told where.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments import embedded
from deployments.chat import SYSTEM, ChatFormat, Turn
from tests.bench import engines_contestants as who
from tests.bench.engines_contestants import ROOT, Contestant, Task
from tests.bench.engines_drawing import draw
from tests.bench.engines_table import figures, table
from tests.bench.environments import NotRun
from tests.bench.guard import commit, machine

STREAMS = (1, 8)
ASKED = 2  # prompts one after the other, where it is one stream
WINDOWS, WINDOW_TOKENS = 8, 256  # of the text whose perplexity is told
MOST_LOAD = 1.0
MOST_LOAD_OF_KEPT = 2.0  # in which the run itself has its part
QUESTIONS = (
    "What is a buffer overflow, and which defences against it does a compiler offer?",
    "How does TLS protect a connection, from the first packet to the last?",
    "Explain step by step how passwords should be stored, and why.",
    "What does a web application firewall do, and what does it miss?",
    "Explain the principle of least privilege with three examples.",
    "What is cross-site scripting, and how is it prevented?",
    "How does two-factor authentication help, and where does it fail?",
    "Describe what a security team does on the day a zero-day vulnerability becomes known.",
)
READERS = (
    "a student",
    "a nurse",
    "a shop owner",
    "a lawyer",
    "a teacher",
    "a retired engineer",
    "a journalist",
    "a cook",
)
WARM_UP = "Why are backups tested?"


def task(folder: Path, tokens: Sequence[int], core: int) -> Task:
    """The same prompts and the same text for every engine, out of the repository alone."""
    chat = ChatFormat.load(folder)

    def encoded(question: str) -> tuple[int, ...]:
        return tuple(chat.encode([Turn("system", SYSTEM), Turn("user", question)]))

    settings = tuple((streams, number) for streams in STREAMS for number in tokens)
    prompts = tuple(
        tuple(encoded(f"For {reader}: {question}") for question in QUESTIONS)
        for reader, _ in zip(READERS, settings, strict=False)
    )
    written = [*(ROOT / "docs/policy").glob("*.md"), *(ROOT / "app/lessons").glob("*.md")]
    ids = chat.encode_answer("\n\n".join(path.read_text() for path in sorted(written)))
    text = tuple(tuple(ids[at : at + WINDOW_TOKENS]) for at in range(0, WINDOWS * WINDOW_TOKENS, WINDOW_TOKENS))
    adapter = ROOT / "deployments/adapters" / folder.name
    return Task(folder, adapter, prompts, encoded(WARM_UP), settings, ASKED, text, core)


def measure(asked: Task, contestants: Sequence[Contestant], given: argparse.Namespace) -> dict[str, Any]:
    """All rounds of all contestants, those kept from before included, as one JSON-able object."""
    rounds: dict[str, list[dict[str, Any]]] = {each.name: [] for each in contestants}
    memory: list[float] = []
    found: dict[str, Any] = {"machine": machine(given.core), "not_run": {}, "load_before": {}}
    for number in range(given.rounds):
        memory.append(_round(number, who.MEMORY, asked, given)["gb_per_s"])
        for each in contestants if number % 2 == 0 else contestants[::-1]:
            if each.name in found["not_run"]:
                continue
            try:
                said = _round(number, each, asked, given)
            except NotRun as error:
                found["not_run"][each.name] = str(error)
                rounds.pop(each.name)
                continue
            rounds[each.name].append(said)
            found["load_before"].setdefault(each.name, []).append(said["load_before"])
    chat = ChatFormat.load(asked.weights)
    weights = (asked.weights / "model.safetensors").stat().st_size
    return found | figures(rounds, lambda ids: chat.decode(_until_end(ids, chat)), memory, weights)


def _until_end(ids: Sequence[int], chat: ChatFormat) -> Sequence[int]:
    """An answer as a reader would see it: engines were made to go on after its end."""
    end = next((place for place, token in enumerate(ids) if token in chat.stop_ids), len(ids))
    return ids[:end]


def _round(number: int, each: Contestant, asked: Task, given: argparse.Namespace) -> dict[str, Any]:
    """One engine's turn, as it was kept or anew. Raises NotRun."""
    root = given.before.absolute() if each.name == who.BEFORE else ROOT
    spec = asked.spec(each, given.home, root, extras=number == 0)
    kept = given.home / "rounds" / f"{number}-{each.driver}-{who.digest(spec)}.json"
    said: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    if said and (given.anyway or said["load_before"] <= MOST_LOAD_OF_KEPT):
        return said
    load = os.getloadavg()[0]
    print(f"round {number + 1}: {each.name} (load average {load:.2f})", file=sys.stderr)
    said = who.play(each, spec, given.home) | {"load_before": load}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(said))
    return said


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m tests.bench.engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--setup", action="store_true", help="make the other engines' environments, and end")
    options.add_argument("--json", action="store_true", help="print one object last")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tokens", type=lambda text: [int(part) for part in text.split(",")], default=[48, 200])
    options.add_argument("--only", metavar="NAME,...", default="", help="parts of names, e.g. preceptor,fp32")
    options.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout of this repository")
    options.add_argument("--home", type=Path, default=ROOT / "var/bench/engines", metavar="DIR")
    options.add_argument("--models", type=Path, default=ROOT / "var/models", metavar="DIR")
    options.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), metavar="N", help="where all run")
    options.add_argument("--anyway", action="store_true", help=f"also with a load average over {MOST_LOAD:g}")
    options.add_argument("--fresh", action="store_true", help="forget the rounds that were kept")
    options.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs/proof", metavar="DIR")
    options.add_argument("--remark", default="", metavar="TEXT", help="goes into engines.json")
    return options


def chosen(only: str, before: Path | None) -> list[Contestant]:
    """Those whose name holds one of the parts; all where none is given. Ours of before stands after ours."""
    all_of_them = list(who.CONTESTANTS)
    if before:
        all_of_them.insert(1, replace(who.OURS, name=who.BEFORE))
    parts = [part for part in only.split(",") if part]
    return [each for each in all_of_them if not parts or any(part in each.name for part in parts)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, write what was asked for; 2 where the machine is busy or nobody is to be measured."""
    given = parser().parse_args(arguments)
    given.home = given.home.absolute()
    if given.setup:
        who.set_up(given.home)
        return 0
    load, contestants = os.getloadavg()[0], chosen(given.only, given.before)
    if (load > MOST_LOAD and not given.anyway) or not contestants:
        said = f"a load average of at most {MOST_LOAD:g}, got {load:.2f}" if contestants else "a part of some name"
        print(f"bench.engines: expected {said}", file=sys.stderr)
        return 2
    given.home.mkdir(parents=True, exist_ok=True)
    if given.fresh:
        shutil.rmtree(given.home / "rounds", ignore_errors=True)
    folder = embedded.prepare(given.models.absolute(), lambda said: print(said, file=sys.stderr))
    found = measure(task(folder.path, given.tokens, given.core), contestants, given)
    for line in table(found):
        print(line)
    if load > MOST_LOAD:
        print(f"NOT TO BE RECORDED: the load average was {load:.2f} before the start")
    if given.write:
        _write(found, given)
    if given.json:
        print(json.dumps(found))
    return 0


def _write(found: dict[str, Any], given: argparse.Namespace) -> None:
    told = {"command": "python -m tests.bench.engines --write", "commit": commit(), "remark": given.remark}
    given.write.mkdir(parents=True, exist_ok=True)
    (given.write / "engines.json").write_text(json.dumps(told | found, indent=1, ensure_ascii=False) + "\n")
    (given.write / "engines.svg").write_text(draw(found, "Engines on the same weights, one core, greedy"))
    print(f"written: {given.write / 'engines.json'}, {given.write / 'engines.svg'}")


if __name__ == "__main__":
    sys.exit(main())
