"""Every acknowledged record is kept, in one place, in one tree, whatever the store and the machine do in between.

Here runs a sample of 25 lives of a log; `make prove lives` runs the full count.
"""

from tests.property.audit import writers

EXAMPLES = 25


def test_every_acknowledged_record_is_kept_in_one_tree() -> None:
    writers.run(EXAMPLES)
