"""Measures as records hold them: whole parts per million, because two readers of JSON may disagree about a float."""

import math
from collections.abc import Mapping

MOST = 2**53 - 1  # what readers of JSON hold exactly


def ppm(metrics: Mapping[str, float]) -> dict[str, int]:
    """Each metric in parts per million; what is no number, or too large for a record, is left out."""
    found = {name: value * 1_000_000 for name, value in sorted(metrics.items()) if math.isfinite(value)}
    return {name: round(value) for name, value in found.items() if abs(value) <= MOST}
