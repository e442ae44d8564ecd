"""One of each kind as people come: how long the first window takes, who is how busy. One SVG, standard library only."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tests.bench.curves import COLOURS, STYLE, Scale
from tests.bench.scale_cell import KINDS
from tests.bench.scale_run import Result

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 300, 80, 70, 110
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
Points = Sequence[tuple[float, float]]


def draw(found: Mapping[str, Any], title: str = "One replica of each kind, Models enough") -> str:
    """The SVG of a sweep."""
    results: Sequence[Result] = found["sweep"]
    right, height = LEFT + WIDTH + GAP, TOP + HEIGHT + 70
    width = right + WIDTH + 130
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_latency(results, found["objective"].first_p99_s),
        *_busy(results, right),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _latency(results: Sequence[Result], goal_s: float) -> Iterator[str]:
    x = _across(results, LEFT)
    values = [each.first[at] for each in results for at in (0, 2)] + [goal_s]
    low = max(tick for tick in SECONDS if tick <= min(values) or tick == SECONDS[0])
    high = min(tick for tick in SECONDS if tick >= max(values) or tick == SECONDS[-1])
    y = Scale(low, high, TOP + HEIGHT, TOP)
    marks = [(y(tick), f"{tick:g}") for tick in SECONDS if low <= tick <= high]
    yield from _frame(LEFT, "seconds to the first window (log scale)", marks, results, x)
    yield f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(goal_s):.1f}" y2="{y(goal_s):.1f}" stroke="#d55e00"/>'
    yield f'<text class="tick" x="{LEFT + 4}" y="{y(goal_s) - 5:.1f}">objective for p99</text>'
    name_y = TOP - 12.0
    for at, name, dash in ((2, "p99", "6 4"), (1, "p95", "2 3"), (0, "p50", "")):
        points = [(x(each.users), y(min(high, each.first[at]))) for each in results]
        name_y = max(name_y + 15, points[-1][1])  # names do not cover each other
        yield from _line(points, COLOURS[0], name, dash, name_y)


def _busy(results: Sequence[Result], left: float) -> Iterator[str]:
    x = _across(results, left)

    def y(share: float) -> float:
        return TOP + HEIGHT * (1 - min(1.0, share))

    yield from _frame(left, "share of its time that it works", [(y(each), f"{each:g}") for each in SHARES], results, x)
    name_y = TOP - 12.0
    for number, kind in enumerate(sorted(KINDS, key=lambda kind: -results[-1].used[kind])[: len(COLOURS)]):
        points = [(x(each.users), y(each.used[kind])) for each in results]
        name_y = max(name_y + 15, points[-1][1])
        yield from _line(points, COLOURS[number], kind, "", name_y)


def _across(results: Sequence[Result], left: float) -> Scale:
    return Scale(results[0].users / 1.1, results[-1].users * 1.1, left, left + WIDTH)


def _frame(
    left: float, title: str, marks: Sequence[tuple[float, str]], results: Sequence[Result], x: Scale
) -> Iterator[str]:
    bottom = TOP + HEIGHT
    yield f'<text x="{left:g}" y="{TOP - 14}">{escape(title)}</text>'
    for y, label in marks:
        yield f'<line x1="{left:g}" x2="{left + WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        yield f'<text class="tick" x="{left - 8:g}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for each in results:
        at = x(each.users)
        yield f'<text class="tick" x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{each.users}</text>'
    yield f'<text x="{left + WIDTH / 2:g}" y="{bottom + 42}" text-anchor="middle">people at a time (log scale)</text>'


def _line(points: Points, colour: str, name: str, dash: str, name_y: float) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    yield f'<text class="tick" x="{points[-1][0] + 10:.1f}" y="{name_y + 4:.1f}">{escape(name)}</text>'
