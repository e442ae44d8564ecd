"""The contestants of the training benchmark as one SVG: tokens per second and per CPU second. Standard library only."""

from collections.abc import Iterator
from html import escape
from typing import Any

from tests.bench.curves import COLOURS, STYLE
from tests.bench.training_contestants import CONTESTANTS

NAMES, PANEL, GAP, TOP, ROW = 200, 260, 70, 92, 34
OURS, OTHERS = COLOURS[0], "#999"
TITLES = {"per_s": "tokens per second", "per_cpu_s": "tokens per CPU second"}


def draw(found: dict[str, Any]) -> str:
    """The SVG of what `training.measure` gives: bars are medians, lines reach from the least to the most."""
    rows: dict[str, Any] = found["contestants"]
    width, height = NAMES + 2 * (PANEL + GAP) + 20, TOP + ROW * len(rows) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">{escape(found["model"])}: LoRA, real tokens trained on</text>',
        '<text class="tick" x="20" y="48">bar: median of the rounds; line: least to most; ours in colour</text>',
    ]
    for number, name in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append(f'<text x="20" y="{y + 4:g}">{escape(CONTESTANTS[name][0])}</text>')
    for number, unit in enumerate(TITLES):
        parts += _panel(rows, unit, NAMES + number * (PANEL + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(rows: dict[str, Any], unit: str, left: float) -> Iterator[str]:
    most = max((row[unit]["max"] for row in rows.values()), default=1.0)
    yield f'<text x="{left:g}" y="{TOP - 12}">{TITLES[unit]}</text>'
    for number, (name, row) in enumerate(rows.items()):
        y, value = TOP + ROW * number + ROW / 2, row[unit]
        colour = OURS if name in ("loop", "ray-1", "ray-2") else OTHERS
        long, low, high = (PANEL * value[key] / most for key in ("median", "min", "max"))
        yield f'<rect x="{left:g}" y="{y - 9:g}" width="{long:.1f}" height="18" fill="{colour}"/>'
        yield f'<line x1="{left + low:.1f}" x2="{left + high:.1f}" y1="{y:g}" y2="{y:g}" stroke="#222"/>'
        yield f'<text class="tick" x="{left + max(long, high) + 6:.1f}" y="{y + 4:g}">{value["median"]:.1f}</text>'
