"""The proxies beside each other as one SVG: answers per second and p99 over clients. Standard library only."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from tests.bench.bars import OTHERS, ROW, TOP, Frame
from tests.bench.curves import COLOURS

FRAME = Frame(names=270, panel=150)
LEGEND = "bar: answers per second, median of the rounds; text: p99 in ms"


def draw(found: dict[str, Any], title: str) -> str:
    """The SVG of what `proxy.measure` gives: a panel for each load, ours in colour."""
    places: dict[str, Any] = found["places"]
    loads = list(next(iter(places.values()))["loads"]) if places else []
    return FRAME.draw(title, LEGEND, list(places), loads, lambda load, left: _panel(list(places.items()), load, left))


def _panel(places: Sequence[tuple[str, Any]], load: str, left: float) -> Iterator[str]:
    cells = [place["loads"].get(load, {"answers": 0}) for _, place in places]
    most = max((cell["per_s"] for (name, _), cell in zip(places, cells, strict=True) if _counts(name, cell)), default=1)
    yield f'<text x="{left}" y="{TOP - 12}">{escape(load)} client(s)</text>'
    for number, ((name, _), cell) in enumerate(zip(places, cells, strict=True)):
        y, colour = TOP + ROW * number, COLOURS[0] if name.startswith("preceptor") else OTHERS
        if not cell["answers"]:
            continue
        wide = FRAME.panel * min(1.0, cell["per_s"] / most)
        yield f'<rect x="{left}" y="{y + 4}" width="{wide:.1f}" height="{ROW - 8}" fill="{colour}"/>'
        said = f"{cell['per_s']:.0f} ({cell['p99_ms']:.0f})"
        yield f'<text class="tick" x="{left + wide + 4:.1f}" y="{y + 17}">{said}</text>'


def _counts(name: str, cell: dict[str, Any]) -> bool:
    """Whether the scale has to hold it: the model alone would dwarf all proxies."""
    return bool(cell["answers"]) and not name.startswith("the model")
