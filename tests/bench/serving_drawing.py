"""The graph beside the bare engine as one SVG: tokens per second, and what the time to the first window is made of."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from tests.bench.curves import COLOURS, STYLE

WIDTH, HEIGHT, LEFT, TOP, GAP, FOOT = 380, 260, 70, 70, 100, 90
BARE, GRAPH, GUARD, ADDED = COLOURS[4], COLOURS[0], COLOURS[2], COLOURS[1]
LEGEND = (("bare engine", BARE), ("whole graph", GRAPH), ("guard's own compute", GUARD), ("added by the graph", ADDED))


def draw(found: Mapping[str, Any], targets: Mapping[str, float]) -> str:
    """The SVG of what `serving.measure` gives."""
    width, height = LEFT + 2 * WIDTH + GAP + 30, TOP + HEIGHT + FOOT
    title = f"{found['questions']} questions of {found['tokens']} tokens, engine on one core, all the rest on another"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_rates(found["rows"], targets["tokens_per_s_ratio"]),
        *_firsts(found["rows"], found["guard_ms"], LEFT + WIDTH + GAP),
        *_legend(TOP + HEIGHT + 66),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rates(rows: list[dict[str, Any]], target: float) -> Iterator[str]:
    bare = [sum(row["bare_tokens_per_s"]) / len(row["bare_tokens_per_s"]) for row in rows]
    highest = max([*bare, *(row["tokens_per_s"] for row in rows)])
    yield from _axis(LEFT, f"tokens per second, and their ratio (target {target:g})", highest)
    for number, row in enumerate(rows):
        middle = _middle(LEFT, number, len(rows))
        yield from _bar(middle - 32, [(bare[number], BARE)], highest)
        yield from _bar(middle + 2, [(row["tokens_per_s"], GRAPH)], highest)
        y = TOP + HEIGHT - HEIGHT * max(bare[number], row["tokens_per_s"]) / highest - 6
        ratio = f"{row['tokens_per_s_ratio']:.2f}"
        yield f'<text class="tick" x="{middle:g}" y="{y:.1f}" text-anchor="middle">{ratio}</text>'
        yield _under(middle, f"{row['streams']} streams")


def _firsts(rows: list[dict[str, Any]], guard: Mapping[str, float], left: float) -> Iterator[str]:
    highest = max(row["first_ms"][name] for row in rows for name in guard)
    yield from _axis(left, "milliseconds to the first window: p50, p99", highest)
    for number, row in enumerate(rows):
        middle = _middle(left, number, len(rows))
        for name, x in (("p50", middle - 32), ("p99", middle + 2)):
            added = max(0.0, row[f"added_{name}_ms"])
            yield from _bar(x, [(row["bare_first_ms"][name], BARE), (guard[name], GUARD), (added, ADDED)], highest)
        yield _under(middle, f"{row['streams']} streams")


def _axis(left: float, title: str, highest: float) -> Iterator[str]:
    yield f'<text x="{left:g}" y="{TOP - 18}">{escape(title)}</text>'
    for quarter in range(5):
        y = TOP + HEIGHT * (1 - quarter / 4)
        yield f'<line x1="{left:g}" x2="{left + WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        value = highest * quarter / 4
        yield f'<text class="tick" x="{left - 8:g}" y="{y + 4:.1f}" text-anchor="end">{value:,.3g}</text>'


def _bar(x: float, pieces: list[tuple[float, str]], highest: float) -> Iterator[str]:
    y = float(TOP + HEIGHT)
    for value, colour in pieces:
        tall = HEIGHT * value / highest
        y -= tall
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="30" height="{tall:.1f}" fill="{colour}"/>'


def _middle(left: float, number: int, count: int) -> float:
    return left + WIDTH / count * (number + 0.5)


def _under(x: float, text: str) -> str:
    return f'<text class="tick" x="{x:g}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{escape(text)}</text>'


def _legend(y: float) -> Iterator[str]:
    for number, (name, colour) in enumerate(LEGEND):
        x = LEFT + number * 190
        yield f'<rect x="{x}" y="{y - 10:g}" width="14" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="{y:g}">{escape(name)}</text>'
