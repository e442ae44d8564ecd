"""Panels of lines over one axis each, side by side as one SVG. Standard library only."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.curves import COLOURS, STYLE, Points

WIDTH, HEIGHT = 400, 260  # of one panel's frame
LEFT, TOP, GAP, ROW = 70, 76, 90, 20


@dataclass(frozen=True, slots=True)
class Panel:
    """Named lines, told apart by colour and by their legend; `level` is a line straight across, with its name."""

    title: str
    across: str
    lines: Mapping[str, Points]
    log: bool = False
    level: tuple[str, float] | None = None


def draw(title: str, note: str, panels: Sequence[Panel]) -> str:
    """The SVG; lines without points are left out."""
    width = LEFT + len(panels) * (WIDTH + GAP)
    height = TOP + HEIGHT + 60 + ROW * max(len(panel.lines) for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="26">{escape(title)}</text>',
        f'<text class="tick" x="20" y="44">{escape(note)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, LEFT + number * (WIDTH + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, left: float) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    if not points:
        return
    level = [panel.level[1]] if panel.level else []
    x_ticks = _ticks(0, max(x for x, _ in points))
    y_ticks = (_powers if panel.log else _ticks_from_zero)([y for _, y in points] + level)

    def x_of(value: float) -> float:
        return left + WIDTH * value / x_ticks[-1]

    def y_of(value: float) -> float:
        low, high = y_ticks[0], y_ticks[-1]
        share = math.log(value / low) / math.log(high / low) if panel.log else value / high
        return TOP + HEIGHT * (1 - share)

    yield f'<text x="{left}" y="{TOP - 12}">{escape(panel.title)}</text>'
    for value in y_ticks:
        y = y_of(value)
        yield f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        yield f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,g}</text>'
    for value in x_ticks:
        place = f'x="{x_of(value):.1f}" y="{TOP + HEIGHT + 18}"'
        yield f'<text class="tick" {place} text-anchor="middle">{value:g}</text>'
    middle = f'x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle"'
    yield f'<text class="tick" {middle}>{escape(panel.across)}</text>'
    if panel.level:
        name, value = panel.level
        y = y_of(value)
        yield f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#222" stroke-dasharray="2 4"/>'
        yield f'<text class="tick" x="{left + 6}" y="{y - 5:.1f}">{escape(name)}</text>'
    for number, (name, line) in enumerate(panel.lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], ' stroke-dasharray="6 4"' if number >= len(COLOURS) else ""
        places = [(x_of(x), y_of(y)) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        y = TOP + HEIGHT + 58 + ROW * number
        yield f'<line x1="{left}" x2="{left + 24}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text class="tick" x="{left + 32}" y="{y + 4}">{escape(name)}</text>'


def _ticks_from_zero(values: Sequence[float]) -> list[float]:
    return _ticks(0, max(values))


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight steps of the 1-2-5 series from `low` to at least `high`."""
    rough = max(high - low, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    count = math.ceil(round((high - low) / step, 6))
    return [round(low + step * number, 10) for number in range(max(count, 1) + 1)]


def _powers(values: Sequence[float]) -> list[float]:
    """Powers of ten around all values, which are over 0."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]
