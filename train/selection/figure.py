"""The selection drawn: a panel for each measure, in it a line for each candidate with value and interval. One SVG."""

from collections.abc import Sequence
from html import escape

from train.selection.outcome import Outcome, Score
from train.selection.table import best, ordered, shown, titled

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:11px;fill:#666}"
    ".top{fill:#0072b2;stroke:#0072b2}.other{fill:#999;stroke:#999}"
)
_COLUMNS, _NAMES, _BAR, _VALUES, _ROW, _HEAD, _GAP = 2, 190, 210, 110, 22, 50, 24
_PANEL = _NAMES + _BAR + _VALUES
_TOP = 70
_KEY = "bar: 95 % interval (of rates, the range); blue: the best; black mark: what the commonest answer gets"


def draw(outcomes: Sequence[Outcome]) -> str:
    """The SVG of all outcomes; candidates that were not measured are named below with the reason."""
    measured = [outcome.name for outcome in outcomes if outcome.scores]
    absent = [outcome for outcome in outcomes if not outcome.scores]
    rows = ordered(outcomes)
    panel = _HEAD + _ROW * len(measured)
    lines = -(-len(rows) // _COLUMNS)
    below = _TOP + lines * (panel + _GAP)
    width, height = 40 + _COLUMNS * _PANEL, below + 20 + 18 * (len(absent) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text class="title" x="20" y="28">Base models, measured on the same items</text>',
        f'<text class="tick" x="20" y="48">{_KEY}</text>',
    ]
    for number, (name, scores) in enumerate(rows):
        left, top = 20 + _PANEL * (number % _COLUMNS), _TOP + (panel + _GAP) * (number // _COLUMNS)
        parts += _panel(name, measured, scores, left, top)
    if absent:
        parts.append(f'<text x="20" y="{below + 10}">not measured</text>')
    for number, outcome in enumerate(absent, 1):
        line = f"{outcome.name}: {outcome.not_measured.split('; ')[0]}"
        parts.append(f'<text class="tick" x="20" y="{below + 10 + 18 * number}">{escape(line[:150])}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(name: str, measured: Sequence[str], scores: Sequence[Score | None], left: int, top: int) -> list[str]:
    present = [score for score in scores if score is not None]
    first, tops = present[0], best(scores)
    scale = 1.0 if first.unit == "share" else max(max(score.value, score.high or 0.0) for score in present) or 1.0
    parts = [
        f'<text x="{left}" y="{top + 14}" font-weight="600">{escape(titled(name))}</text>',
        f'<text class="tick" x="{left}" y="{top + 30}">{first.better} is better, n = {first.n}</text>',
    ]
    for number, (candidate, score) in enumerate(zip(measured, scores, strict=True)):
        middle = top + _HEAD + _ROW * number
        parts.append(f'<text class="tick" x="{left}" y="{middle + 4}">{escape(candidate[:30])}</text>')
        if score is not None:
            parts += _line(score, scale, left + _NAMES, middle, "top" if number in tops else "other")
    return parts


def _line(score: Score, scale: float, left: int, middle: int, kind: str) -> list[str]:
    def x(value: float) -> float:
        return left + _BAR * min(max(value / scale, 0.0), 1.0)

    low, high = score.value if score.low is None else score.low, score.value if score.high is None else score.high
    parts = [
        f'<line x1="{left}" x2="{left + _BAR}" y1="{middle}" y2="{middle}" stroke="#e8e8e8"/>',
        f'<line class="{kind}" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle}" y2="{middle}" stroke-width="3"/>',
        f'<circle class="{kind}" cx="{x(score.value):.1f}" cy="{middle}" r="5"/>',
        f'<text class="tick" x="{left + _BAR + 10}" y="{middle + 4}">{shown(score.value, score.unit)}</text>',
    ]
    if score.baseline is not None:
        at = f"{x(score.baseline):.1f}"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{middle - 8}" y2="{middle + 8}" stroke="#222" stroke-width="2"/>')
    return parts
