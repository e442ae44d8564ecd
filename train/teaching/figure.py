"""Draws the rows of each family, split into train, dev and test. One SVG."""

from typing import Any

from train.teaching.split import SIDES

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:11px;fill:#666}"
    ".train{fill:#0072b2}.dev{fill:#e69f00}.test{fill:#009e73}"
)
_NAMES, _BAR, _ROW, _TOP = 110, 460, 24, 84


def draw(told: dict[str, Any]) -> str:
    """The SVG of a report."""
    families: dict[str, int] = told["families"]
    width, height = _NAMES + _BAR + 100, _TOP + _ROW * len(families) + 20
    most = max([*families.values(), 1])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">The teaching set: {told["rows"]} rows by family</text>',
    ]
    for place, side in enumerate(SIDES):
        left = 20 + 90 * place
        parts.append(f'<rect class="{side}" x="{left}" y="44" width="12" height="12"/>')
        parts.append(f'<text class="tick" x="{left + 18}" y="54">{side}</text>')
    for place, (name, count) in enumerate(families.items()):
        parts += _bar(name, count, told["family_splits"].get(name, {}), _TOP + _ROW * place, _BAR / most)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(name: str, count: int, splits: dict[str, int], top: float, scale: float) -> list[str]:
    left = float(_NAMES)
    parts = [f'<text x="20" y="{top + 14}">{name}</text>']
    for side in SIDES:
        length = splits.get(side, 0) * scale
        if length:
            parts.append(f'<rect class="{side}" x="{left:.1f}" y="{top}" width="{length:.1f}" height="{_ROW - 8}"/>')
        left += length
    return [*parts, f'<text class="tick" x="{left + 8:.1f}" y="{top + 13}">{count}</text>']
