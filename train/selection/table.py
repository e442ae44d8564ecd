"""The table of a selection: a row for each measure, a column for each candidate, and who could not be measured."""

from collections.abc import Sequence

from train.selection.outcome import Outcome, Score, Unit

_KEY = (
    "The same items to each; in brackets a 95 % interval (of rates, the range). Bold: the best value; where intervals "
    "overlap it decides nothing. Models with different tokenizers compare by bits per byte, not by perplexity."
)


def ordered(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Score | None]]]:
    """Each measure with every measured candidate's score of it, None where one has none."""
    measured = [outcome for outcome in outcomes if outcome.scores]
    names = list(dict.fromkeys(score.name for outcome in measured for score in outcome.scores))
    by_name = [{score.name: score for score in outcome.scores} for outcome in measured]
    return [(name, [scores.get(name) for scores in by_name]) for name in names]


def best(scores: Sequence[Score | None]) -> set[int]:
    """Places of the best values; none of them where all are alike or there is one alone."""
    values = {place: score.value for place, score in enumerate(scores) if score is not None}
    if len(set(values.values())) < 2:
        return set()
    higher = next(score.better for score in scores if score is not None) == "higher"
    top = (max if higher else min)(values.values())
    return {place for place, value in values.items() if value == top}


def titled(name: str) -> str:
    """A measure's name as people read it."""
    return name.replace("_", " ")


def shown(value: float, unit: Unit) -> str:
    """A value with its unit, in as many digits as it is worth."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "bytes":
        return f"{value / 1e9:.2f} GB"
    if unit == "rate":
        return f"{value:.0f} tokens/s" if value >= 10 else f"{value:.1f} tokens/s"
    return f"{value:.3f} bits" if unit == "bits" else f"{value:.2f}" if value < 1e4 else f"{value:.2e}"


def markdown(outcomes: Sequence[Outcome], command: str) -> str:
    """The page: what was measured, what was not and why, and how to do it again."""
    measured = [outcome for outcome in outcomes if outcome.scores]
    lines = ["# Base models, measured", "", _KEY]
    if measured:
        lines += ["", *_scores(outcomes, measured)]
    lines += _absent([outcome for outcome in outcomes if not outcome.scores])
    machines = sorted({outcome.machine for outcome in measured if outcome.machine})
    lines += ["", f"Items: `{measured[0].suite[:16]}`. Machine: {'; '.join(machines)}."] if measured else []
    return "\n".join([*lines, "", "```sh", command, "```"]) + "\n"


def _scores(outcomes: Sequence[Outcome], measured: Sequence[Outcome]) -> list[str]:
    lines = [
        f"| measure | n | better | baseline | {' | '.join(outcome.name for outcome in measured)} |",
        f"|---|---:|---|---:|{'---:|' * len(measured)}",
        f"| parameters | | | | {' | '.join(f'{outcome.parameters / 1e6:,.0f} M' for outcome in measured)} |",
        f"| licence | | | | {' | '.join(outcome.licence or 'unknown' for outcome in measured)} |",
    ]
    for name, scores in ordered(outcomes):
        first = next(score for score in scores if score is not None)
        top, baseline = best(scores), "" if first.baseline is None else shown(first.baseline, first.unit)
        cells = [_cell(score, top=place in top) for place, score in enumerate(scores)]
        lines.append(f"| {titled(name)} | {first.n} | {first.better} | {baseline} | {' | '.join(cells)} |")
    return lines


def _cell(score: Score | None, *, top: bool) -> str:
    if score is None:
        return "-"
    text = shown(score.value, score.unit)
    text = f"**{text}**" if top else text
    if score.low is None or score.high is None:
        return text
    low, high = (shown(each, score.unit).split(" ")[0] for each in (score.low, score.high))
    return f"{text} ({low} to {high})"


def _absent(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    rows = [f"| {outcome.name} | {outcome.licence} | {outcome.not_measured} |" for outcome in outcomes]
    return ["", "## Not measured", "", "| candidate | licence | why |", "|---|---|---|", *rows]
