"""The guard's sheet drawn: every measure with its interval and aim, and the two reliability curves. One SVG."""

from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:11px;fill:#666}"
    ".met{fill:#009e73;stroke:#009e73}.missed{fill:#d55e00;stroke:#d55e00}"
)
_NAMES, _BAR, _ROW, _TOP = 350, 330, 24, 70
_PLOT = 240
_COLOURS = {"harm": "#0072b2", "override": "#cc79a7"}


def draw(sheet: dict[str, Any]) -> str:
    """The SVG of a sheet."""
    rows: Sequence[dict[str, Any]] = [row for row in sheet["targets"] if row["value"] is not None]
    height = max(_TOP + _ROW * len(rows) + 60, _TOP + _PLOT + 90)
    width = _NAMES + _BAR + 120 + _PLOT + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text class="title" x="20" y="28">The guard, measured: point, 95 % interval, aim</text>',
        '<text class="tick" x="20" y="48">green meets its aim, orange does not; the black mark is the aim</text>',
    ]
    for number, row in enumerate(rows):
        parts += _bar(row, _TOP + _ROW * number)
    parts += _reliability(sheet["reliability"], _NAMES + _BAR + 110, _TOP)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(row: dict[str, Any], top: float) -> list[str]:
    aim = float(row["aim"].split()[1])
    at_least = row["aim"].startswith("≥")
    # small shares need a scale of their own to be seen
    scale = 1.0 if at_least else max(0.12, aim * 2, row["value"] * 1.2)

    def x(value: float) -> float:
        return _NAMES + _BAR * min(value / scale, 1.0)

    low, high = row["interval"] or (row["value"], row["value"])
    kind, middle = "met" if row["met"] else "missed", top + _ROW / 2
    return [
        f'<text x="20" y="{middle + 4}">{escape(row["measure"])}</text>',
        f'<line x1="{_NAMES}" x2="{_NAMES + _BAR}" y1="{middle}" y2="{middle}" stroke="#e8e8e8"/>',
        f'<line class="{kind}" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle}" y2="{middle}" stroke-width="3"/>',
        f'<circle class="{kind}" cx="{x(row["value"]):.1f}" cy="{middle}" r="5"/>',
        f'<line x1="{x(aim):.1f}" x2="{x(aim):.1f}" y1="{middle - 9}" y2="{middle + 9}" stroke="#222"/>',
        f'<text class="tick" x="{_NAMES + _BAR + 8}" y="{middle + 4}">{100 * row["value"]:.1f} %</text>',
    ]


def _reliability(curves: dict[str, Any], left: float, top: float) -> list[str]:
    bottom = top + _PLOT
    parts = [
        f'<text x="{left}" y="{top - 12}">said against came true</text>',
        f'<rect x="{left}" y="{top}" width="{_PLOT}" height="{_PLOT}" fill="none" stroke="#999"/>',
        f'<line x1="{left}" y1="{bottom}" x2="{left + _PLOT}" y2="{top}" stroke="#bbb" stroke-dasharray="4 4"/>',
        f'<text class="tick" x="{left}" y="{bottom + 16}">0</text>',
        f'<text class="tick" x="{left + _PLOT}" y="{bottom + 16}" text-anchor="end">1 (probability said)</text>',
    ]
    for number, (name, found) in enumerate(curves.items()):
        points = [(left + _PLOT * p["said"], bottom - _PLOT * p["came"]) for p in found["curve"]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        label = f"{name}: expected calibration error {100 * found['error']:.1f} %"
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[name]}"/>' for x, y in points]
        parts.append(f'<text x="{left}" y="{bottom + 40 + 20 * number}" style="fill:{_COLOURS[name]}">{label}</text>')
    return parts
