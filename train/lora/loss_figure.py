"""The losses of a run as one SVG: training as a thin line, held-out as dots. Standard library only."""

from collections.abc import Sequence
from html import escape

from train.lora.run_file import Point

WIDTH, HEIGHT, LEFT, TOP, FOOT = 640, 300, 64, 56, 56
TRAIN, HELD = "#0072b2", "#d55e00"  # Okabe and Ito: told apart by everyone
STYLE = "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.tick{font-size:12px;fill:#555}"


def draw(title: str, curve: Sequence[Point]) -> str:
    """Loss in nats per answer token over steps."""
    train = [(point.step, point.loss) for point in curve if point.loss is not None]
    held = [(point.step, point.eval_loss) for point in curve if point.eval_loss is not None]
    values = [value for _, value in train + held]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = high if high > low else low + 1.0
    last = max((step for step, _ in train + held), default=1) or 1

    def at(step: float, value: float) -> tuple[float, float]:
        return LEFT + WIDTH * step / last, TOP + HEIGHT * (high - value) / (high - low)

    line = " ".join("{:.1f},{:.1f}".format(*at(step, value)) for step, value in train)
    whole = LEFT + WIDTH + 30, TOP + HEIGHT + FOOT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]} {whole[1]}" width="{whole[0]}">',
            f'<style>{STYLE}</style><rect width="{whole[0]}" height="{whole[1]}" fill="#fff"/>',
            f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
            f'<text x="{LEFT}" y="44" style="fill:{TRAIN}">training, each step</text>',
            f'<text x="{LEFT + 150}" y="44" style="fill:{HELD}">● held out</text>',
            *grid(low, high, last),
            f'<polyline points="{line}" fill="none" stroke="{TRAIN}" stroke-width="1" opacity="0.8"/>',
            *_dots([at(step, value) for step, value in held]),
            f'<text class="tick" x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 42}">step</text>',
            "</svg>",
        ]
    )


def _dots(places: Sequence[tuple[float, float]]) -> list[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{HELD}"/>' for x, y in places]
    return [f'<polyline points="{line}" fill="none" stroke="{HELD}" stroke-dasharray="4 3"/>', *dots]


def grid(low: float, high: float, last: int) -> list[str]:
    """Lines at fifths of the losses, and numbers at both axes."""
    parts = []
    for tenth in range(0, 11, 2):
        y, value = TOP + HEIGHT * tenth / 10, high - (high - low) * tenth / 10
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:.2f}</text>')
        x, step = LEFT + WIDTH * tenth / 10, last * tenth / 10
        parts.append(f'<text class="tick" x="{x:.0f}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{step:.0f}</text>')
    return parts
