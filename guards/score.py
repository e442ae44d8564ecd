"""Score a file of prompts with the shipped guard: `python -m guards.score IN OUT`.

IN and OUT are JSON Lines. In: {"id", "text"} or {"id", "messages": [{"role", "content"}]}. Out, one line per input
line in the same order: {"id", "action", "category", "score", "override", "intent", "ms"}. `action` is what the prompt
stage decides with the shipped policy and no pass. `score` is the probability that the text should be refused, or what
harm its turns add up to where that is more; a rule that refuses makes it 1. A bad line gives
{"id": null, "line", "error"}.
Exit status: 0, 1 after a bad line, 2 for files that cannot be read or written. Needs neither Ray nor a network.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from guards.guard import Guard
    from guards.verdict import Context, Decision

Row = dict[str, Any]
_SPEAKS_AS_USER = frozenset({"user", "system", "developer"})  # to the model a client's system text is the user's


def parse(line: str) -> tuple[Any, str, "Context"]:
    """One input line as id, flattened conversation and its turns. Raises ValueError."""
    from guards.verdict import Context

    row = json.loads(line)
    if not isinstance(row, dict) or "id" not in row:
        raise ValueError("expected an object with id and text or messages")
    if "messages" not in row:
        return row["id"], _text(row.get("text"), "text"), Context()
    if not isinstance(row["messages"], list) or not all(isinstance(m, dict) for m in row["messages"]):
        raise ValueError("expected messages to be a list of objects")
    turns = [(m.get("role"), _text(m.get("content"), "content")) for m in row["messages"]]
    users = tuple(content for role, content in turns if role in _SPEAKS_AS_USER)
    others = tuple(content for role, content in turns if role not in _SPEAKS_AS_USER)
    return row["id"], "\n\n".join(content for _, content in turns), Context(history=users, others=others)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected {name} to be a string")
    return value


def shape(row_id: object, decision: "Decision", ms: float) -> Row:
    """One decision as an output line."""
    from guards.verdict import Action

    scores = decision.scores
    if scores is None:
        raise ValueError("expected a decision with scores")
    ruled = any(v.action is Action.REFUSE and v.score == 1.0 for v in decision.verdicts)
    summed = max((v.score for v in decision.verdicts if v.check == "crescendo"), default=0.0)
    intent = {name: getattr(scores, name) for name in ("educational", "dual_use", "harmful", "other_harm")}
    score = 1.0 if ruled else max(scores.harm, scores.override, summed)
    return {
        "id": row_id, "action": decision.action, "category": decision.category, "score": score,
        "override": scores.override, "intent": intent, "ms": round(ms, 1),
    }  # fmt: skip


async def score_lines(lines: Iterator[str], guard: "Guard", out: TextIO) -> int:
    """Score every line; the number of bad ones."""
    from guards.errors import GuardFault
    from guards.verdict import Stage

    bad = 0
    for number, line in enumerate(lines, 1):
        started = time.perf_counter()
        try:
            row_id, text, context = parse(line)
            decision = await guard.check(text, Stage.PROMPT, context)
            row = shape(row_id, decision, 1000 * (time.perf_counter() - started))
        except (ValueError, GuardFault) as error:
            bad += 1
            row = {"id": None, "line": number, "error": str(error)}
        out.write(json.dumps(row) + "\n")
    return bad


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m guards.score", description=__doc__.split("\n")[0])
    parser.add_argument("source", metavar="IN", type=Path, help="JSON Lines of prompts")
    parser.add_argument("target", metavar="OUT", type=Path, help="JSON Lines of decisions")
    options = parser.parse_args(arguments)
    try:
        with options.source.open(encoding="utf-8") as lines, options.target.open("w", encoding="utf-8") as out:
            return 1 if asyncio.run(score_lines(lines, local_guard(timeout_s=600.0), out)) else 0
    except (OSError, UnicodeDecodeError) as error:
        print(f"guards.score: {error}", file=sys.stderr)
        return 2


def local_guard(timeout_s: float = 10.0) -> "Guard":
    """The shipped guard with the encoder in this process."""
    from guards.encoder import Encoder
    from guards.guard import Guard
    from guards.policy import Policy
    from guards.scores import Scores

    encoder = Encoder.load()

    async def scorer(texts: Sequence[str]) -> list[Scores]:
        return await asyncio.to_thread(encoder.score, texts)

    return Guard(Policy.load(), scorer, timeout_s)


if __name__ == "__main__":
    sys.exit(main())
