"""Tables and charts for the PDF form."""

from __future__ import annotations

from collections.abc import Iterator

from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.platypus import LongTable, Paragraph, Spacer, TableStyle

from audit.reports.bars import MOST
from audit.reports.cells import bar_shown, shown
from audit.reports.pdf_text import FONT, labelled, plain, words
from audit.reports.report import Chart, Table

WIDTH = landscape(A4)[0] - 28 * mm - 12  # margins, and what a frame leaves free beside its content
CHARACTERS = 600  # of one cell
ROWS = 250  # of one grid: laying out a longer one takes more than twice as long as two
_LABEL, _BARS, _ROW = 150, 330, 13
_LINE = HexColor("#d5d5d5")
_GRID = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 2)])  # fmt: skip


def gridded(table: Table) -> Iterator[LongTable]:
    """Rows under their headings, which every page repeats."""
    widths = _widths(table)
    head = [words(column.heading, "head") for column in table.columns]
    for start in range(0, len(table.rows), ROWS):
        body = [[words(cell, "cell") for cell in _cells(table, at)] for at in _some(table, start)]
        yield LongTable([head, *body], colWidths=widths, repeatRows=1, style=_GRID, splitInRow=1)


def listed(table: Table) -> LongTable:
    """The one row of a table of figures, from top to bottom."""
    cells = zip(table.columns, _cells(table, 0), strict=True)
    rows = [[words(column.heading, "head"), words(cell, "cell")] for column, cell in cells]
    return LongTable(rows, colWidths=[WIDTH * 0.45, WIDTH * 0.55], style=_GRID)


def stacked(table: Table) -> Iterator[Paragraph | Spacer]:
    """A table that is too wide: each row as a paragraph of names and values."""
    headings = [column.heading for column in table.columns]
    for at in range(len(table.rows)):
        yield labelled([("Row", str(at + 1)), *zip(headings, _cells(table, at), strict=True)])
        yield Spacer(1, 3)


def charted(chart: Chart) -> Drawing:
    """The bars of a chart, each with its number."""
    bars = chart.bars[-MOST:]
    most = max((height for _, height in bars), default=0) or 1
    drawing = Drawing(WIDTH, _ROW * len(bars) + 4)
    for at, (label, height) in enumerate(reversed(bars)):
        low, long = at * _ROW + 2, _BARS * height / most
        drawing.add(String(_LABEL - 6, low + 2, plain(label[:30]), fontName=FONT, fontSize=7, textAnchor="end"))
        drawing.add(Rect(_LABEL, low, long, 9, fillColor=HexColor("#0072b2"), strokeColor=None))
        drawing.add(String(_LABEL + long + 5, low + 2, bar_shown(height, chart.unit), fontName=FONT, fontSize=7))
    return drawing


def _some(table: Table, start: int) -> range:
    return range(start, min(start + ROWS, len(table.rows)))


def _cells(table: Table, at: int) -> list[str]:
    return [_cut(shown(value, column.unit)) for value, column in zip(table.rows[at], table.columns, strict=True)]


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}\N{HORIZONTAL ELLIPSIS}"


def _widths(table: Table) -> list[float]:
    """A share of the page for each column, by how long its cells are; none gets less than a third of an equal part."""
    longest = [len(column.heading) for column in table.columns]
    for at in _some(table, 0):
        longest = [max(a, min(len(cell), 60)) for a, cell in zip(longest, _cells(table, at), strict=True)]
    weights = [max(length, sum(longest) / len(longest) / 3) for length in longest]
    return [WIDTH * weight / sum(weights) for weight in weights]
