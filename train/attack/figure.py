"""The picture in report.html: by technique, how often it got an answer, with its interval; no library."""

from collections.abc import Sequence
from html import escape

from train.attack.figures import Share, Technique

_LEFT, _WIDE, _ROW, _TOP = 250, 420, 24, 40


def draw(techniques: Sequence[Technique]) -> str:
    """An inline SVG of the end-to-end success of each technique that was tried on something harmful."""
    rows = [each for each in techniques if each.end_to_end.n]
    width, height = _LEFT + _WIDE + 130, _TOP + _ROW * len(rows) + 12
    parts = [
        f'<svg role="img" aria-label="Attack success by technique" viewBox="0 0 {width} {height}">',
        *(f'<text class="small" x="{_at(share)}" y="22" text-anchor="middle">{share:.0%}</text>'
          f'<line class="grid" x1="{_at(share)}" x2="{_at(share)}" y1="{_TOP - 10}" y2="{height}"/>'
          for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        *(_row(each.technique, each.end_to_end, _TOP + _ROW * number) for number, each in enumerate(rows)),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts)


def _row(name: str, share: Share, top: float) -> str:
    found, y = share.estimate, top + _ROW / 2
    return (
        f'<text x="0" y="{y + 4}">{escape(name)}</text>'
        f'<line class="mark" x1="{_at(found.low)}" x2="{_at(found.high)}" y1="{y}" y2="{y}"/>'
        f'<circle class="mark" cx="{_at(found.value)}" cy="{y}" r="4"/>'
        f'<text class="small" x="{_LEFT + _WIDE + 16}" y="{y + 4}">{share.hits} of {share.n}</text>'
    )


def _at(share: float) -> str:
    return f"{_LEFT + _WIDE * min(max(share, 0.0), 1.0):.1f}"
