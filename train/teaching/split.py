"""Which side of the split an object is on. Rows follow their objects, so that nothing held out is ever trained on.

Common ground (tactics, mitigations, weakness classes, what one notices an attack by) is what every answer is made of
and is never held out: it counts as train, and may be named on every side.
"""

import hashlib
from collections.abc import Iterable

from train.records import Record

COMMON = frozenset(
    {"tactic", "mitigation", "weakness", "weakness_group", "data_source", "data_component", "detection_strategy",
     "analytic"}
)  # fmt: skip
SIDES = ("train", "dev", "test")
_HELD = 0.05  # share of the objects in dev, and in test


def number(*parts: str) -> int:
    """A number that depends on these strings alone; the same on every machine."""
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8], "big")


def stem(record: Record) -> str:
    """What is held out as one: a technique with its sub-techniques, a CVE with its KEV entry, a page's sections."""
    name = record.id.removeprefix("KEV:").removeprefix("NVD:")
    if record.kind == "technique":
        whole = name.split(".")
        return ".".join(whole[:2]) if name.startswith("AML.") else whole[0]
    return name.partition("#")[0]


def side(record: Record) -> str:
    """train, dev or test."""
    if record.kind in COMMON:
        return "train"
    share = number("split", stem(record)) / 2**64
    return "test" if share < _HELD else "dev" if share < 2 * _HELD else "train"


def may_name(subject: Record, other: Record) -> bool:
    """Whether a row about the subject may name the other one."""
    return side(other) in {"train", side(subject)}


def row_side(records: Iterable[Record]) -> str | None:
    """The side of a row that touches these; None where it would join dev and test."""
    held = {side(record) for record in records} - {"train"}
    return None if len(held) > 1 else next(iter(held), "train")
