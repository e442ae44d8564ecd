"""The held-out losses of all trials over their steps as one SVG, the best one bold. Standard library only."""

from collections.abc import Sequence
from html import escape

from train.lora.loss_figure import FOOT, HEIGHT, LEFT, STYLE, TOP, WIDTH, grid
from train.search.manifest import Trial, ranked

BEST, OTHER = "#d55e00", "#0072b2"  # Okabe and Ito: told apart by everyone


def draw(title: str, trials: Sequence[Trial]) -> str:
    """One line a trial; where the scheduler ended it, the line ends in a ring."""
    seen = [look for trial in trials for look in trial.looks]
    low, high = min((each.eval_loss for each in seen), default=0.0), max((each.eval_loss for each in seen), default=1.0)
    high = high if high > low else low + 1.0
    last = max((each.step for each in seen), default=1)

    def at(step: float, value: float) -> tuple[float, float]:
        return LEFT + WIDTH * step / last, TOP + HEIGHT * (high - value) / (high - low)

    parts: list[str] = []
    for place, trial in reversed(list(enumerate(ranked(trials)))):
        parts += _line(trial, [at(look.step, look.eval_loss) for look in trial.looks], best=place == 0)
    whole = LEFT + WIDTH + 30, TOP + HEIGHT + FOOT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]} {whole[1]}" width="{whole[0]}">',
            f'<style>{STYLE}</style><rect width="{whole[0]}" height="{whole[1]}" fill="#fff"/>',
            f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
            f'<text x="{LEFT}" y="44" style="fill:{BEST}">the best trial</text>',
            f'<text x="{LEFT + 120}" y="44" style="fill:{OTHER}">the others; a ring: ended early</text>',
            *grid(low, high, last),
            *parts,
            f'<text class="tick" x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 42}">step</text>',
            "</svg>",
        ]
    )


def _line(trial: Trial, places: Sequence[tuple[float, float]], *, best: bool) -> list[str]:
    if not places:
        return []
    colour, width = (BEST, 3) if best else (OTHER, 1)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    told = f"<title>{escape(trial.name)}: rank {trial.rank}, rate {trial.rate:.2e}, weight {trial.weight:.2f}</title>"
    line = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}">{told}</polyline>'
    x, y = places[-1]
    fill = "#fff" if trial.state == "stopped" else colour
    return [line, f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{colour}">{told}</circle>']
