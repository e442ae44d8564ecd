"""A question without the things that it names, so that its other words can be read alone."""

from collections.abc import Iterable


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with "it" in the place of each of these stretches; of stretches that touch, in the place of all."""
    parts, place = [""], 0
    for start, end in sorted(spans):
        if start > place or not place:
            parts[-1] += text[place:start]
            parts.append("")
        place = max(place, end)
    parts[-1] += text[place:]
    return "it".join(parts)
