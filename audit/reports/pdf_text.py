"""Text for the PDF form: its styles, and what its font cannot show."""

from __future__ import annotations

from functools import cache
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

FONT, BOLD = "Vera", "VeraBd"  # Bitstream Vera, which reportlab brings
UNKNOWN = "?"
_SHAPES: dict[str, dict[str, object]] = {
    "plain": {"fontSize": 8.5, "leading": 11.5, "spaceAfter": 4},
    "title": {"fontName": BOLD, "fontSize": 16, "leading": 20, "spaceBefore": 4, "spaceAfter": 6},
    "heading": {"fontName": BOLD, "fontSize": 11, "leading": 14, "spaceBefore": 8, "spaceAfter": 4, "keepWithNext": 1},
    "outcome": {"fontName": BOLD, "fontSize": 9, "leading": 12, "spaceAfter": 6},
    "bad": {"fontName": BOLD, "fontSize": 10, "leading": 13, "textColor": "#b00020", "borderColor": "#b00020",
            "borderWidth": 1, "borderPadding": 5, "spaceBefore": 6, "spaceAfter": 10},
    "soft": {"fontSize": 8, "leading": 11, "textColor": "#5a5a5a", "spaceAfter": 4},
    "code": {"fontSize": 7, "leading": 9, "leftIndent": 8},
    "cell": {"fontSize": 6.5, "leading": 8},
    "head": {"fontName": BOLD, "fontSize": 6.5, "leading": 8},
}  # fmt: skip


def words(text: str, shape: str = "plain") -> Paragraph:
    """A paragraph in one of the shapes; nothing in `text` is markup."""
    return Paragraph(escape(plain(text)), _style(shape))


def labelled(parts: list[tuple[str, str]]) -> Paragraph:
    """Names in bold, each followed by what it is."""
    told = (f'<font name="{BOLD}">{escape(plain(name))}</font> {escape(plain(value))}' for name, value in parts)
    return Paragraph(" &nbsp; ".join(told), _style("cell"))


def plain(text: str) -> str:
    """`text` in characters that the font has; line breaks become blanks."""
    known = _glyphs()
    return "".join(one if ord(one) in known else " " if one.isspace() else UNKNOWN for one in text)


@cache
def _glyphs() -> frozenset[int]:
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    return frozenset(pdfmetrics.getFont(FONT).face.charToGlyph) - {0xA, 0xD}


@cache
def _style(shape: str) -> ParagraphStyle:
    _glyphs()
    given = {"fontName": FONT} | _SHAPES[shape]
    colours = {name: HexColor(value) for name, value in given.items() if name in ("textColor", "borderColor")}
    return ParagraphStyle(shape, **given | colours)
