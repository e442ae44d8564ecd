"""The timeline of load, Models and latency as one SVG. Standard library only."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tests.bench.curves import COLOURS, STYLE

WIDTH, TALL, LEFT, TOP, GAP = 720, 110, 70, 50, 46
LOAD, MODELS, GOOD, BAD = COLOURS[4], COLOURS[0], COLOURS[2], COLOURS[1]


def draw(found: Mapping[str, Any]) -> str:
    """The SVG of what `autoscaling.timeline` gives: three strips over the same seconds."""
    height = TOP + 3 * (TALL + GAP) + 20
    whole = found["seconds"]
    clients = _steps([(part["at_s"], part["clients"]) for part in found["parts"]], whole)
    models = _steps([(one["at_s"], one["models"]) for one in found["models"]], whole)
    size = f'width="{LEFT + WIDTH + 30}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {height}" {size}>',
        f"<style>{STYLE}</style>",
        f'<rect {size} fill="#fff"/>',
        *_strip(0, "clients that ask", clients, whole, LOAD),
        *_strip(1, "Models that run", models, whole, MODELS),
        *_answers(2, found["answers"], whole),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _steps(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Corners of a line that keeps its height until the next point."""
    corners = []
    for number, (at, value) in enumerate(points):
        until = points[number + 1][0] if number + 1 < len(points) else end
        corners += [(at, value), (until, value)]
    return corners


def _strip(row: int, title: str, corners: Sequence[tuple[float, float]], whole: float, colour: str) -> Iterator[str]:
    highest = max((value for _, value in corners), default=1.0) or 1.0
    yield from _frame(row, title, highest, whole)
    path = " ".join(f"{_x(at, whole):.1f},{_y(row, value / highest):.1f}" for at, value in corners)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _answers(row: int, answers: Sequence[Mapping[str, Any]], whole: float) -> Iterator[str]:
    highest = max((one["took_s"] for one in answers), default=1.0)
    yield from _frame(row, "seconds until an answer was whole; red: it failed", highest, whole)
    for one in answers:
        x, y = _x(one["at_s"], whole), _y(row, one["took_s"] / highest)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{GOOD if one["good"] else BAD}"/>'


def _frame(row: int, title: str, highest: float, whole: float) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="{_y(row, 1) - 12:.1f}">{escape(title)}</text>'
    for share in (0.0, 0.5, 1.0):
        y = _y(row, share)
        yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        yield f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * share:.3g}</text>'
    for quarter in range(5):
        at = whole * quarter / 4
        place = f'x="{_x(at, whole):.1f}" y="{_y(row, 0) + 16:.1f}"'
        yield f'<text class="tick" {place} text-anchor="middle">{at:.0f} s</text>'


def _x(at: float, whole: float) -> float:
    return LEFT + WIDTH * at / whole


def _y(row: int, share: float) -> float:
    return TOP + row * (TALL + GAP) + TALL * (1 - share)
