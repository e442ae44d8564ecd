"""The engines beside each other as one SVG: a panel of tokens per second for each setting. Standard library only."""

from collections.abc import Iterator
from typing import Any

from tests.bench.bars import OTHERS, ROW, TOP, Frame
from tests.bench.curves import COLOURS
from tests.bench.engines_contestants import OURS

FRAME = Frame(names=230, panel=200)
LIMIT = "#d55e00"
LEGEND = "bar: median of the rounds; tick: best; dashed: what reading the weights once a step allows"


def draw(found: dict[str, Any], title: str) -> str:
    """The SVG of what `engines_table.figures` gives: the median as a bar, the best round as a tick."""
    engines: dict[str, Any] = found["engines"]
    settings = list(next(iter(engines.values()))["settings"]) if engines else []
    return FRAME.draw(title, LEGEND, list(engines), settings, lambda setting, left: _panel(found, setting, left))


def _panel(found: dict[str, Any], setting: str, left: float) -> Iterator[str]:
    streams, _, tokens = setting.partition(" x ")
    rows = [row["settings"][setting] for row in found["engines"].values()]
    bound = found["bound_tokens_per_s"]
    most = max(row["tokens_per_s_best"] for row in rows)
    limit = bound * int(streams) if bound else None
    full = limit if limit and limit < 2.5 * most else most

    def x(value: float) -> float:
        return left + FRAME.panel * value / full

    yield f'<text x="{left}" y="{TOP - 12}">{streams} stream(s), {tokens} tokens: tokens/s</text>'
    for number, (name, row) in enumerate(zip(found["engines"], rows, strict=True)):
        y, colour = TOP + ROW * number, COLOURS[0] if name == OURS.name else OTHERS
        wide, best = x(row["tokens_per_s"]) - left, x(row["tokens_per_s_best"])
        yield f'<rect x="{left}" y="{y + 4}" width="{wide:.1f}" height="{ROW - 8}" fill="{colour}"/>'
        yield f'<line x1="{best:.1f}" x2="{best:.1f}" y1="{y + 2}" y2="{y + ROW - 2}" stroke="#222"/>'
        yield f'<text class="tick" x="{best + 5:.1f}" y="{y + 17}">{row["tokens_per_s"]:.0f}</text>'
    bottom = TOP + ROW * len(rows)
    if limit and limit <= full:
        ends = f'x1="{x(limit):.1f}" x2="{x(limit):.1f}" y1="{TOP}" y2="{bottom}"'
        yield f'<line {ends} stroke="{LIMIT}" stroke-dasharray="5 4"/>'
    elif limit:
        yield f'<text class="tick" x="{left}" y="{bottom + 16}">bound: {limit:.0f}</text>'
