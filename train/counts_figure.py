"""Draws what a knowledge base holds: how the elements of each source ended, and the relations by kind. One SVG."""

import math
from collections import Counter
from html import escape
from typing import Any

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:11px;fill:#666}"
    ".live{fill:#009e73}.aside{fill:#bbbbbb}.gone{fill:#e69f00}.quarantined{fill:#d55e00}.relation{fill:#0072b2}"
)
_NAMES, _BAR, _ROW, _TOP, _LABEL = 150, 300, 24, 84, 130
_ENDS = {"live": ("live",), "gone": ("rejected", "revoked", "deprecated"), "aside": ("aside",),
         "quarantined": ("quarantined",)}  # fmt: skip


def draw(manifest: dict[str, Any]) -> str:
    """The SVG of a manifest. Bars are on a logarithmic scale, their colours share them as the counts do."""
    sources = {name: told["outcomes"] for name, told in manifest["sources"].items()}
    relations: Counter[str] = sum((Counter(told["predicates"]) for told in manifest["sources"].values()), Counter())
    most = max([sum(ends.values()) for ends in sources.values()] + [*relations.values(), 10])
    height = _TOP + _ROW * max(len(sources), len(relations)) + 30
    width = 2 * (_NAMES + _BAR + _LABEL) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text class="title" x="20" y="28">Elements of each source, and how they ended</text>',
        f'<text class="title" x="{_NAMES + _BAR + _LABEL + 20}" y="28">Relations by kind</text>',
        f'<text class="tick" x="{_NAMES + _BAR + _LABEL + 20}" y="60">both on a logarithmic scale</text>',
        *_legend(20, 50),
    ]
    for number, (name, ends) in enumerate(sources.items()):
        parts += _source(name, ends, most, _TOP + _ROW * number)
    for number, (name, count) in enumerate(relations.most_common()):
        left, top = _NAMES + _BAR + _LABEL + 20, _TOP + _ROW * number
        length = _length(count, most)
        parts += [
            f'<text x="{left}" y="{top + 14}">{escape(name)}</text>',
            f'<rect class="relation" x="{left + _NAMES}" y="{top + 2}" width="{length:.1f}" height="16"/>',
            f'<text class="tick" x="{left + _NAMES + length + 6:.1f}" y="{top + 14}">{count:,}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _length(count: int, most: int) -> float:
    return _BAR * math.log10(1 + count) / math.log10(1 + most)


def _legend(left: float, top: float) -> list[str]:
    parts = []
    for name, said in (("live", "live"), ("gone", "rejected, revoked, deprecated"), ("aside", "set aside"),
                       ("quarantined", "quarantined")):  # fmt: skip
        parts.append(f'<rect class="{name}" x="{left}" y="{top}" width="11" height="11"/>')
        parts.append(f'<text class="tick" x="{left + 16}" y="{top + 10}">{said}</text>')
        left += 40 + 7 * len(said)
    return parts


def _source(name: str, ends: dict[str, int], most: int, top: float) -> list[str]:
    total = sum(ends.values())
    whole, left = _length(total, most), float(_NAMES + 20)
    parts = [f'<text x="20" y="{top + 14}">{escape(name)}</text>']
    for kind, members in _ENDS.items():
        share = sum(ends.get(each, 0) for each in members) / max(total, 1)
        if share:
            parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{top + 2}" width="{whole * share:.1f}" height="16"/>')
        left += whole * share
    bad = ends.get("quarantined", 0)
    said = f"{total:,}" + (f", {bad:,} bad" if bad else "")
    parts.append(f'<text class="tick" x="{left + 6:.1f}" y="{top + 14}">{said}</text>')
    return parts
