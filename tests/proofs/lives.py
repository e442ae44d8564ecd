"""`make prove lives`: lives of a log over a store that fails in every way; a property test is the sample."""

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Protocol

from tests.property.audit import writers

BATCH = 50
PROCESSES = os.cpu_count() or 1


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


def live(lives: int) -> dict[str, Any]:
    """One batch: a step of the journal. A life that breaks a promise raises, with its steps."""
    began = time.monotonic()
    befell = writers.run(lives)
    return {**befell, "lives": lives, "seconds": round(time.monotonic() - began, 1)}


def lives(journal: Steps, count: int) -> dict[str, Any]:
    """`count` lives in batches; what befell them all."""
    left = count - sum(step["lives"] for step in journal.steps)
    batches = [min(BATCH, left - done) for done in range(0, left, BATCH)]
    # not forked: the calling process may have threads
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for step in pool.map(live, batches):
            journal.add(step)
    total = Counter[str]()
    for step in journal.steps:
        total.update({name: value for name, value in step.items() if name != "seconds"})
    return {
        "steps_each_at_most": writers.STEPS,
        "promises_broken": 0,
        **dict(sorted(total.items())),
    }
