"""challenge.svg: how far the challenger differs on each share, with its interval and what it may lose; no library."""

from html import escape

from train.challenger.report import Challenge, Measure
from train.challenger.rules import DEMANDS

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.small{font-size:11px;fill:#666}"
    ".held{fill:#009e73;stroke:#009e73}.failed{fill:#d55e00;stroke:#d55e00}"
)
_CAPTION = "challenger minus champion on the same items, 95 % interval; right is better; | is what may be lost"
_LEFT, _WIDE, _ROW, _TOP = 230, 420, 28, 76


def draw(found: Challenge) -> str:
    """The SVG."""
    rows = [measure for measure in found.measures if measure.unit == "share" and measure.n]
    most = max((abs(edge) for m in rows for edge in (m.difference.low, m.difference.high)), default=0.0)
    most = 1.05 * max(most, 0.02, *(DEMANDS[m.name].slack for m in rows))
    width, height = _LEFT + _WIDE + 190, _TOP + _ROW * len(rows) + 30
    said = "passes" if found.passed else "is refused"
    middle = _LEFT + _WIDE / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">Challenger {escape(found.challenger[:12])} {said}</text>',
        f'<text class="small" x="20" y="48">{_CAPTION}</text>',
        f'<line x1="{middle}" x2="{middle}" y1="{_TOP - 8}" y2="{height - 24}" stroke="#bbb"/>',
        *(part for number, measure in enumerate(rows) for part in _row(measure, most, _TOP + _ROW * number)),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(measure: Measure, most: float, top: float) -> list[str]:
    change, slack = measure.difference, DEMANDS[measure.name].slack
    low, value, high, lost = (_at(each, most) for each in (change.low, change.value, change.high, -slack))
    kind, y = "held" if change.low >= -slack else "failed", top + _ROW / 2
    return [
        (
            f'<text x="20" y="{y + 4}">{escape(measure.name.replace("_", " "))}'
            f'<tspan class="small" dx="6">n={measure.n}</tspan></text>'
        ),
        f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke-width="2.5"/>',
        f'<circle class="{kind}" cx="{value:.1f}" cy="{y}" r="4.5"/>',
        f'<line x1="{lost:.1f}" x2="{lost:.1f}" y1="{y - 8}" y2="{y + 8}" stroke="#000" stroke-width="2"/>',
        (
            f'<text class="small" x="{_LEFT + _WIDE + 10}" y="{y + 4}">{100 * change.value:+.2f} points '
            f"[{100 * change.low:+.2f}, {100 * change.high:+.2f}]</text>"
        ),
    ]


def _at(value: float, most: float) -> float:
    return _LEFT + _WIDE / 2 * (1 + value / most)
