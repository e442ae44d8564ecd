"""`make prove lives`: lives of a log over a store that fails in every way; a property test is the sample."""

import time
from typing import TYPE_CHECKING, Any

from tests.property.audit import writers

if TYPE_CHECKING:
    from tests.prove import Journal

BATCH = 50


def lives(journal: "Journal", count: int) -> dict[str, Any]:
    """`count` lives in batches; a life that breaks a promise stops the proof with its steps."""
    while (lived := sum(step["lives"] for step in journal.steps)) < count:
        began, batch = time.monotonic(), min(BATCH, count - lived)
        writers.run(batch)
        journal.add({"lives": batch, "seconds": round(time.monotonic() - began, 1)})
    return {
        "lives": sum(step["lives"] for step in journal.steps),
        "steps_each_at_most": writers.STEPS,
        "promises_broken": 0,
        "seconds": round(sum(step["seconds"] for step in journal.steps), 1),
    }
