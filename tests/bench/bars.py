"""The frame of a drawing with a row for each contestant and a panel for each setting. Standard library only."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.curves import STYLE

GAP, TOP, ROW = 76, 84, 26
OTHERS = "#8a8a8a"


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels for the names of the rows, and for the bars of a panel."""

    names: int
    panel: int

    def draw(
        self, title: str, legend: str, rows: Sequence[str], panels: Sequence[str],
        panel: Callable[[str, float], Iterable[str]],
    ) -> str:  # fmt: skip
        """The SVG; `panel` draws one setting from a left edge on, its first row below TOP."""
        width, height = self.names + len(panels) * (self.panel + GAP) + 20, TOP + ROW * len(rows) + 40
        size = f'width="{width}" height="{height}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}>',
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            f'<text class="title" x="20" y="28">{escape(title)}</text>',
            f'<text class="tick" x="20" y="48">{escape(legend)}</text>',
        ]
        for number, name in enumerate(rows):
            parts.append(f'<text x="20" y="{TOP + ROW * number + 17}">{escape(name)}</text>')
        for number, setting in enumerate(panels):
            parts += panel(setting, self.names + number * (self.panel + GAP))
        return "\n".join([*parts, "</svg>"]) + "\n"
