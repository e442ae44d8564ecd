"""Two curves over the number of clients, throughput and latency, as one SVG. Standard library only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 460, 320  # of one plot's frame
LEFT, TOP, GAP, FOOT = 80, 64, 110, 110
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito: told apart by everyone
SHAPES = ("circle", "square", "diamond", "up", "down", "cross")
STYLE = "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:12px;fill:#555}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot; `dashed` tells p99 from p50 of the same system."""

    points: Points
    system: int
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels, logarithmic."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + share * (self.end - self.start)


def draw(title: str, throughput: Mapping[str, Points], p50: Mapping[str, Points], p99: Mapping[str, Points]) -> str:
    """The SVG: records per second on the left, milliseconds on the right; one legend for both."""
    systems = list(throughput)
    rates = [Line(points, systems.index(name)) for name, points in throughput.items()]
    delays = [Line(points, systems.index(name)) for name, points in p50.items()]
    delays += [Line(points, systems.index(name), dashed=True) for name, points in p99.items()]
    right = LEFT + WIDTH + GAP
    width, height = right + WIDTH + 40, TOP + HEIGHT + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_plot(LEFT, "durable records per second (log scale)", rates),
        *_plot(right, "milliseconds until durable (log scale): p50 solid, p99 dashed", delays),
        *_legend(systems),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _plot(left: float, title: str, lines: Sequence[Line]) -> list[str]:
    clients = sorted({x for line in lines for x, _ in line.points})
    values = [y for line in lines for _, y in line.points]
    x_of = Scale(clients[0] / 1.3, clients[-1] * 1.3, left, left + WIDTH)
    low, high = _bounds(values)
    y_of = Scale(low, high, TOP + HEIGHT, TOP)
    parts = [f'<text x="{left}" y="{TOP - 14}">{escape(title)}</text>']
    for value in _ticks(low, high):
        y = y_of(value)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,g}</text>')
    for value in clients:
        x = x_of(value)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP + HEIGHT}" y2="{TOP + HEIGHT + 5}" stroke="#888"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{TOP + HEIGHT}" y2="{TOP + HEIGHT}" stroke="#888"/>')
    middle = left + WIDTH / 2
    parts.append(f'<text x="{middle}" y="{TOP + HEIGHT + 42}" text-anchor="middle">clients (log scale)</text>')
    for line in lines:
        parts += _line(line, x_of, y_of)
    return parts


def _line(line: Line, x_of: Scale, y_of: Scale) -> list[str]:
    colour = COLOURS[line.system % len(COLOURS)]
    places = [(x_of(x), y_of(y)) for x, y in sorted(line.points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    marks = [_mark(line.system, x, y) for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>', *marks]


def _mark(system: int, x: float, y: float) -> str:
    """A shape per system, so that the plot is read without its colours too."""
    colour, shape = COLOURS[system % len(COLOURS)], SHAPES[system % len(SHAPES)]
    outlines: dict[str, list[tuple[float, float]]] = {
        "square": [(-4, -4), (4, -4), (4, 4), (-4, 4)], "diamond": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
        "up": [(0, -5), (5, 4), (-5, 4)], "down": [(0, 5), (5, -4), (-5, -4)],
        "cross": [(-5, -2), (-2, -5), (0, -2), (2, -5), (5, -2), (2, 0), (5, 2), (2, 5), (0, 2), (-2, 5), (-5, 2),
                  (-2, 0)],
    }  # fmt: skip
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}" stroke="#fff"/>'
    corners = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in outlines[shape])
    return f'<polygon points="{corners}" fill="{colour}" stroke="#fff"/>'


def _legend(systems: Sequence[str]) -> list[str]:
    parts, y = list[str](), TOP + HEIGHT + 78
    for number, name in enumerate(systems):
        x = LEFT + number * 190
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<line x1="{x}" x2="{x + 28}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
        parts.append(_mark(number, x + 14, y))
        parts.append(f'<text x="{x + 36}" y="{y + 4}">{escape(name)}</text>')
    return parts


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Ticks of the 1-2-5 series around all values."""
    return _steps(min(values))[0], _steps(max(values))[1]


def _steps(value: float) -> tuple[float, float]:
    """The largest step at most `value` and the smallest above it."""
    power = 10 ** math.floor(math.log10(value))
    steps = [power * factor for factor in (1, 2, 5, 10)]
    below = max(step for step in steps if step <= value)
    return below, min(step for step in steps if step > value)


def _ticks(low: float, high: float) -> list[float]:
    ticks = [low]
    while ticks[-1] < high * 0.999:
        ticks.append(_steps(ticks[-1] * 1.001)[1])
    return ticks
