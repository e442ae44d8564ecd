"""evaluation.md: the measures as a table that people read, with what was asked of each."""

from collections.abc import Iterable

from train.evaluation.report import Estimate, Evaluation, Measure

_GROUPS = {
    "quality": "Quality",
    "safety": "Safety",
    "general": "General ability",
    "memorisation": "Memorisation",
}


def markdown(evaluation: Evaluation, speeds: Iterable[str]) -> str:
    """The page."""
    compared = "its base" if evaluation.champion.adapter_digest is None else "the champion on the same base"
    verdict = "The gate holds." if evaluation.passed else "The gate does not hold:"
    lines = [
        f"# Evaluation of an adapter for {evaluation.base.name}",
        "",
        f"Adapter `{evaluation.candidate.adapter_digest[:16]}` against {compared}, the same items before and after.",
        "95 % intervals: Wilson's for shares, bootstrap over the items for differences and perplexities.",
        "",
        f"**{verdict}**",
        *(f"- {reason}" for reason in evaluation.reasons),
    ]
    for group, title in _GROUPS.items():
        lines += ["", f"## {title}", "", *_table([each for each in evaluation.measures if each.group == group])]
    lines += [
        "", "![before and after](evaluation.svg)", "",
        f"Suite `{evaluation.suite_digest[:16]}`, {evaluation.made.seconds:.0f} s; {'; '.join(speeds)}.", "",
        "```", evaluation.made.command, "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _table(measures: Iterable[Measure]) -> list[str]:
    rows = [
        f"| {each.name} | {each.n} | {_told(each.before, each.unit)} | {_told(each.after, each.unit)} "
        f"| {_told(each.difference, each.unit, sign=True)} | {_rule(each)} | {each.why} |"
        for each in measures
    ]
    return [
        "| measure | items | before | after | difference | rule | found |",
        "|---|---:|---:|---:|---:|---|---|",
        *rows,
    ]


def _told(estimate: Estimate, unit: str, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    if unit == "count":
        return f"{estimate.value:{plus}g}"
    form = f"{plus}.1f" if unit == "share" else f"{plus}.3f"
    scale = 100 if unit == "share" else 1
    value, low, high = (scale * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:{form}} [{low:{form}}, {high:{form}}]{' %' if unit == 'share' else ''}"


def _rule(measure: Measure) -> str:
    if measure.rule == "reported":
        return "reported"
    return f"{measure.rule.replace('_', ' ')}: {'holds' if measure.passed else 'fails'}"
