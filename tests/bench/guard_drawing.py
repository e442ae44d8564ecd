"""The guards beside each other as one SVG: overrides caught, harmful asks caught, CPU time. Standard library only."""

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from tests.bench.curves import COLOURS, STYLE, Scale
from tests.bench.guard_prompts import ATTACKS, BENIGN
from tests.bench.guard_table import AT_1

NAMES, PANEL, GAP, TOP, ROW = 220, 230, 60, 96, 40
TITLES = {"override": "overrides caught, %", "harmful": "harmful asks caught, %"}
LEGEND = "full: with 1 % of the benign texts blocked, and its 95 % interval; hollow: as it comes (see under its name)"
OURS_FIRST, OTHERS = COLOURS[0], "#777"


def draw(found: dict[str, Any], title: str) -> str:
    """The SVG of what `guard_table.figures` gives, the first guard in colour."""
    guards: dict[str, Any] = found["guards"]
    width, height = NAMES + 3 * (PANEL + GAP) + 20, TOP + ROW * len(guards) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">{escape(title)}</text>',
        f'<text class="tick" x="20" y="48">{LEGEND}</text>',
    ]
    for number, (name, row) in enumerate(guards.items()):
        y = TOP + ROW * number + ROW / 2
        wrong = row[BENIGN]["default"]
        parts.append(f'<text x="20" y="{y:g}">{escape(name)}</text>')
        parts.append(f'<text class="tick" x="20" y="{y + 14:g}">{100 * wrong["share"]:.1f} % benign blocked</text>')
    for number, group in enumerate(ATTACKS):
        parts += _caught(guards, group, NAMES + number * (PANEL + GAP))
    return "\n".join([*parts, *_cpu(guards, NAMES + 2 * (PANEL + GAP)), "</svg>"]) + "\n"


def _caught(guards: dict[str, Any], group: str, left: float) -> Iterator[str]:
    def x(part: float) -> float:
        return left + PANEL * part

    yield from _frame(left, TITLES[group], [(x(part / 4), f"{25 * part}") for part in range(5)], len(guards))
    for number, row in enumerate(guards.values()):
        y, colour = TOP + ROW * number + ROW / 2, OTHERS if number else OURS_FIRST
        held, default = row[group][AT_1], row[group]["default"]
        ring = f'r="5" fill="none" stroke="{colour}" stroke-width="2"'
        yield f'<circle cx="{x(default["share"]):.1f}" cy="{y:g}" {ring}/>'
        if held is not None:
            ends = f'x1="{x(held["low"]):.1f}" x2="{x(held["high"]):.1f}" y1="{y:g}" y2="{y:g}"'
            yield f'<line {ends} stroke="{colour}" stroke-width="3"/>'
            yield f'<circle cx="{x(held["share"]):.1f}" cy="{y:g}" r="5" fill="{colour}"/>'


def _cpu(guards: dict[str, Any], left: float) -> Iterator[str]:
    spent = [row["speed"]["cpu_p50_ms"] for row in guards.values()]
    powers = [math.log10(value) for value in spent if value]
    if not powers:
        return
    low = math.floor(min(powers))
    high = max(math.ceil(max(powers)), low + 1)
    x = Scale(10.0**low, 10.0**high, left, left + PANEL)
    marks = [(x(10.0**power), f"{10.0**power:g}") for power in range(low, high + 1)]
    yield from _frame(left, "CPU ms, about 64 tokens, p50 (log scale)", marks, len(guards))
    for number, value in enumerate(spent):
        y, colour = TOP + ROW * number + ROW / 2, OTHERS if number else OURS_FIRST
        if value:
            yield f'<circle cx="{x(value):.1f}" cy="{y:g}" r="5" fill="{colour}"/>'
            yield f'<text class="tick" x="{x(value):.1f}" y="{y - 10:g}" text-anchor="middle">{value:.2g}</text>'


def _frame(left: float, title: str, marks: list[tuple[float, str]], rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    yield f'<text x="{left:g}" y="{TOP - 14}">{escape(title)}</text>'
    for x, label in marks:
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}" stroke="#e4e4e4"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
    for number in range(rows):
        y = TOP + ROW * number + ROW / 2
        yield f'<line x1="{left:g}" x2="{left + PANEL:g}" y1="{y:g}" y2="{y:g}" stroke="#f0f0f0"/>'
