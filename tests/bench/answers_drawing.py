"""Answers with the knowledge base and without as one SVG: what is right, and who answered. Standard library only."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from tests.bench.answers_table import AIMS, BY, TITLES
from tests.bench.curves import COLOURS, STYLE

NAMES, PANEL, GAP, TOP, ROW = 250, 300, 70, 84, 30
COLOUR = dict(zip(BY, (COLOURS[0], COLOURS[4], "#bbbbbb", COLOURS[2], COLOURS[1], COLOURS[3], "#222222"), strict=True))
MEANT = {"graph": "graph", "model": "model, with records", "alone": "model alone", "taught": "lesson",
         "refused": "refused", "stopped": "stopped", "fault": "fault"}  # fmt: skip


def draw(found: Mapping[str, Any], title: str) -> str:
    """The SVG of what `answers.measure` gives: a row for each group of each run."""
    rows = [(run, name, row) for name in TITLES for run, about in found["runs"].items()
            if (row := about["groups"].get(name))]  # fmt: skip
    width, height = NAMES + 2 * (PANEL + GAP), TOP + ROW * len(rows) + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">{escape(title)}</text>',
        *_frame(NAMES, "right, %; a line where the aim is", len(rows)),
        *_frame(NAMES + PANEL + GAP, "answered by, % of the questions", len(rows)),
    ]
    for number, (run, name, row) in enumerate(rows):
        y = TOP + ROW * number
        label = f"{name}, {run}"
        parts.append(f'<text x="20" y="{y + 19}">{escape(label)}</text>')
        parts += _right(name, row, y)
        parts += _by(row, y)
    return "\n".join([*parts, *_legend(TOP + ROW * len(rows) + 52), "</svg>"]) + "\n"


def _right(name: str, row: Mapping[str, Any], y: float) -> Iterator[str]:
    share = row["right"] / row["asked"]
    yield f'<rect x="{NAMES}" y="{y + 6}" width="{PANEL * share:.1f}" height="18" fill="{COLOURS[0]}"/>'
    end = NAMES + PANEL * share
    x, anchor, fill = (end - 6, "end", "#fff") if share > 0.85 else (end + 6, "start", "#222")
    place = f'x="{x:.1f}" y="{y + 19}" text-anchor="{anchor}"'
    yield f'<text class="tick" {place} style="fill:{fill}">{100 * share:.1f}</text>'
    if name in AIMS:
        at = NAMES + PANEL * AIMS[name]
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y + 3}" y2="{y + 27}" stroke="#222" stroke-width="2"/>'


def _by(row: Mapping[str, Any], y: float) -> Iterator[str]:
    left = float(NAMES + PANEL + GAP)
    for name, count in row["by"].items():
        wide = PANEL * count / row["asked"]
        yield f'<rect x="{left:.1f}" y="{y + 6}" width="{wide:.1f}" height="18" fill="{COLOUR[name]}"/>'
        left += wide


def _frame(left: float, title: str, rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    yield f'<text x="{left:g}" y="{TOP - 14}">{escape(title)}</text>'
    for part in range(5):
        x = left + PANEL * part / 4
        yield f'<line x1="{x:g}" x2="{x:g}" y1="{TOP}" y2="{bottom}" stroke="#e4e4e4"/>'
        yield f'<text class="tick" x="{x:g}" y="{bottom + 16}" text-anchor="middle">{25 * part}</text>'


def _legend(y: float) -> Iterator[str]:
    x = 20.0
    for name in BY:
        yield f'<rect x="{x:g}" y="{y - 11}" width="14" height="14" fill="{COLOUR[name]}"/>'
        yield f'<text class="tick" x="{x + 20:g}" y="{y}">{MEANT[name]}</text>'
        x += 40 + 7.5 * len(MEANT[name])
