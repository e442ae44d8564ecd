"""The items that every candidate gets: those of an evaluation, without the canaries, as nothing was tuned yet."""

from pathlib import Path

from train.evaluation.items import Profile, Suite, suite
from train.evaluation.public import HARMLESS, MCQ, public_items
from train.evaluation.teaching import RELATIONS, teaching_items

__all__ = ["Suite", "gather"]


def gather(teaching: str, data: Path, items: int) -> Suite:
    """About so many items for each measure, shared among its parts; raises DatasetError, GateError without a set."""
    sizes = _profile(items)
    held_out, digest = teaching_items(teaching, sizes)
    public, dropped = public_items(data, sizes)
    return suite([item for item in [*held_out, *public] if item.family != "canaries"], digest, dropped)


def _profile(items: int) -> Profile:
    """False refusals have a part from the teaching set beside the public ones."""
    part = _part(items, len(HARMLESS) + 1)
    return Profile(
        name=f"select-{items}",
        relations=_part(items, len(RELATIONS)),
        refusals=items,
        lessons=items,
        benign=part,
        public=part,
        weighed=items,
        general=items,
        picked=_part(items, len(MCQ)),
        drawn=0,
    )


def _part(items: int, parts: int) -> int:
    return -(-items // parts)
