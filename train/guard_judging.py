"""Rows judged by the whole guard: normaliser, rules, encoder, policy. What a user would meet, without Ray."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from guards.encoder import Encoder
from guards.guard import Guard
from guards.policy import Policy
from guards.scores import Scores
from guards.verdict import Action, Decision, Stage
from train.guard_measures import Judged
from train.guard_rows import Row

Progress = Callable[[int, int], None]


class Judge:
    """The guard with its encoder in this process."""

    def __init__(self, weights: Path | None = None, policy: Policy | None = None) -> None:
        encoder = Encoder.load(weights)
        self.digest = encoder.digest

        async def scorer(texts: Sequence[str]) -> list[Scores]:
            return encoder.score(texts)

        self._guard = Guard(policy or Policy.load(), scorer, timeout_s=600.0)
        self._loop = asyncio.new_event_loop()

    def decide(self, text: str, stage: Stage = Stage.PROMPT) -> Decision:
        """The guard's decision about one text. Raises GuardFault."""
        return self._loop.run_until_complete(self._guard.check(text, stage))

    def judge(self, row: Row, text: str | None = None) -> Judged:
        """One row; `text` stands in for its own, e.g. in a disguise. Prose from the feeds is judged as an answer."""
        stage = Stage.ANSWER if row.source == "feeds/passages" else Stage.PROMPT
        decision = self.decide(row.text if text is None else text, stage)
        if decision.scores is None:
            raise ValueError("expected a decision with scores")
        return Judged(row.text, row.source, row.label, row.language, decision.action, decision.scores)

    def all(self, rows: Sequence[Row], progress: Progress = lambda done, of: None) -> list[Judged]:
        """Every row, in order."""
        judged = []
        for number, row in enumerate(rows, 1):
            judged.append(self.judge(row))
            progress(number, len(rows))
        return judged

    def milliseconds(self, texts: Iterable[str]) -> list[float]:
        """Wall time of one check per text."""
        times = []
        for text in texts:
            began = time.perf_counter()
            self.decide(text)
            times.append(1000 * (time.perf_counter() - began))
        return times


def save(path: Path, rows: Iterable[Judged]) -> None:
    """One JSON line per judged row; the file appears whole or not at all."""
    half = path.with_suffix(".half")
    half.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    half.replace(path)


def load(path: Path) -> list[Judged]:
    """What `save` wrote."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Judged(**row | {"action": Action(row["action"]), "scores": Scores(**row["scores"])}) for row in found]
