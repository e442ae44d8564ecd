"""Every acknowledged record is kept, in one place, in one tree, whatever the store and the machine do in between.

Here runs a sample of 25 lives of a log; `make prove lives` runs the full count.
"""

from tests.property.audit import writers
from tests.property.audit.ambiguous import Outcome

EXAMPLES = 25


def test_every_acknowledged_record_is_kept_in_one_tree() -> None:
    befell = writers.run(EXAMPLES)
    assert befell["lives"] >= EXAMPLES
    assert befell["receipts"] > EXAMPLES
    assert all(befell[f"creates {outcome.value}"] for outcome in Outcome)
    for fate in ("power failures", "interruptions by another writer", "old listings"):
        assert befell[fate]
