"""challenge.md: the verdict, every measure, every rule that does not hold."""

from train.challenger.report import Challenge, Measure
from train.challenger.rules import DEMANDS


def render(found: Challenge) -> str:
    """Markdown: the verdict, every measure, every broken rule."""
    said = "passes" if found.passed else "is refused"
    lines = [
        f"# Challenger {found.challenger[:12]} {said}", "",
        f"Against champion `{found.champion[:12]}`, under policy `{found.policy_digest[:12]}`. `{found.command}`", "",
        "| measure | items | champion | challenger | difference, 95 % | lost | won | allowed loss |",
        "|---|---|---|---|---|---|---|---|",
        *map(_line, found.measures), "", *(f"- {reason}" for reason in found.reasons),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _line(measure: Measure) -> str:
    change, slack = measure.difference, DEMANDS[measure.name].slack
    return (
        f"| {measure.name} | {measure.n} | {measure.champion.value:.4f} | {measure.challenger.value:.4f} "
        f"| {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}] | {measure.lost} | {measure.won} | {slack:g} |"
    )
