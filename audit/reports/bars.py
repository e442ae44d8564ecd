"""A bar chart as inline SVG, in the page's own colours."""

from __future__ import annotations

from markupsafe import Markup, escape

from audit.reports.cells import bar_shown
from audit.reports.report import Chart

MOST = 40  # bars; of more the last, and the table has them all
_LABEL, _WIDE, _ROW = 190, 380, 22


def draw(chart: Chart) -> Markup:
    """The SVG; every bar says its number."""
    bars = chart.bars[-MOST:]
    most = max((height for _, height in bars), default=0) or 1
    lines = [_bar(at, label, height, height / most, chart.unit) for at, (label, height) in enumerate(bars)]
    width, height = _LABEL + _WIDE + 90, _ROW * len(bars) + 6
    head = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">').format(
        chart.heading, width, height, width, height
    )
    return head + Markup("").join(lines) + Markup("</svg>")


def _bar(at: int, label: str, height: float, share: float, unit: str) -> Markup:
    top, long = at * _ROW + 4, _WIDE * share
    short = label if len(label) <= 26 else label[:25] + "\N{HORIZONTAL ELLIPSIS}"
    return Markup(
        '<text x="{}" y="{}" text-anchor="end">{}</text><rect class="bar" x="{}" y="{}" width="{}" height="14"/>'
        '<text x="{}" y="{}">{}</text>'
    ).format(
        _LABEL - 8, top + 12, escape(short), _LABEL, top, f"{long:.1f}", f"{_LABEL + long + 6:.1f}", top + 12,
        bar_shown(height, unit),
    )  # fmt: skip
