"""evaluation.svg: each share before and after with its interval, and each perplexity; written by hand, no library."""

from html import escape

from train.evaluation.report import Estimate, Evaluation, Measure

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.small{font-size:11px;fill:#666}"
    ".before{fill:#7f7f7f;stroke:#7f7f7f}.after{fill:#0072b2;stroke:#0072b2}.failed{fill:#d55e00}.held{fill:#009e73}"
)
_LEFT, _WIDE, _ROW, _TOP = 250, 420, 34, 86


def draw(evaluation: Evaluation) -> str:
    """The SVG."""
    rows = [each for each in evaluation.measures if each.unit != "count" and each.n]
    width, height = _LEFT + _WIDE + 230, _TOP + _ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">{escape(evaluation.base.name)} before and after, 95 % intervals</text>',
        '<circle class="before" cx="26" cy="48" r="5"/><text x="38" y="52">before</text>',
        '<circle class="after" cx="106" cy="48" r="5"/><text x="118" y="52">after</text>',
        '<text class="small" x="170" y="52">shares from 0 to 100 %; perplexities on a scale of their own</text>',
    ]
    for number, measure in enumerate(rows):
        parts += _row(measure, _TOP + _ROW * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(measure: Measure, top: float) -> list[str]:
    most = 1.0 if measure.unit == "share" else 1.05 * max(measure.before.high, measure.after.high, 1e-9)
    judged = "small" if measure.rule == "reported" else ("held" if measure.passed else "failed")
    told = measure.rule.replace("_", " ") + (
        "" if measure.rule == "reported" else (": holds" if measure.passed else ": fails")
    )
    middle = top + _ROW / 2
    return [
        f'<text x="20" y="{middle + 4}">{escape(measure.name)}<tspan class="small" dx="6">n={measure.n}</tspan></text>',
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDE}" y1="{middle}" y2="{middle}" stroke="#e8e8e8"/>',
        *_mark("before", measure.before, most, middle - 5),
        *_mark("after", measure.after, most, middle + 5),
        f'<text class="small" x="{_LEFT + _WIDE + 10}" y="{middle - 2}">{_figures(measure)}</text>',
        f'<text class="{judged}" style="font-size:11px" x="{_LEFT + _WIDE + 10}" y="{middle + 11}">{told}</text>',
    ]


def _mark(kind: str, estimate: Estimate, most: float, y: float) -> list[str]:
    low, value, high = (
        _LEFT + _WIDE * min(max(each / most, 0.0), 1.0) for each in (estimate.low, estimate.value, estimate.high)
    )
    return [
        f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke-width="2.5"/>',
        f'<circle class="{kind}" cx="{value:.1f}" cy="{y}" r="4.5"/>',
    ]


def _figures(measure: Measure) -> str:
    if measure.unit == "share":
        return f"{100 * measure.before.value:.1f} % to {100 * measure.after.value:.1f} %"
    return f"{measure.before.value:.3f} to {measure.after.value:.3f}"
