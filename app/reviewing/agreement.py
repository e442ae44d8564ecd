"""How far reviewers agree: Krippendorff's alpha over all, Cohen's kappa by pair, and each against the gold items.

Our own few lines, held against the published examples: of the libraries one is GPL, and where nltk is installed
guardrails-ai fetches data from the net when it is imported.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

FEW = 5  # items that two reviewers share, below which their kappa says nothing


def agreement(labels: Iterable[Mapping[str, Any]], gold: Mapping[str, str]) -> dict[str, Any]:
    """`labels`: rows with about, reviewer and label, the last of a reviewer counts; `gold`: right labels by item."""
    last = {(row["about"], row["reviewer"]): str(row["label"]) for row in labels if row["reviewer"] and row["label"]}
    by_item: dict[str, dict[str, str]] = defaultdict(dict)
    for (about, reviewer), label in last.items():
        by_item[about][reviewer] = label
    twice = {about: said for about, said in by_item.items() if len(said) > 1}
    return {
        "items": len(by_item),
        "labelled_twice": len(twice),
        "alpha": _alpha(twice),
        "alike": _share(len(set(said.values())) == 1 for said in twice.values()),
        "by_label": _by_label(twice),
        "pairs": list(_pairs(twice)),
        "gold": _against_gold(last, gold),
    }


def _alpha(items: Mapping[str, Mapping[str, str]]) -> float | None:
    """Nominal alpha (Krippendorff 2011); None where everybody said the same of everything, or nothing."""
    counts = [Counter(said.values()) for said in items.values()]
    every = sum(counts, Counter[str]())
    n, chance = every.total(), _differing(every)
    if not chance:
        return None
    observed = sum(_differing(one) / (one.total() - 1) for one in counts) / n
    return round(1 - observed * n * (n - 1) / chance, 4)


def _differing(labels: Counter[str]) -> int:
    """Ordered pairs of labels that are not the same."""
    return labels.total() ** 2 - sum(count**2 for count in labels.values())


def _pairs(items: Mapping[str, Mapping[str, str]]) -> Iterable[dict[str, Any]]:
    """Cohen's kappa (1960) of every two who share FEW items."""
    reviewers = sorted({reviewer for said in items.values() for reviewer in said})
    for one, other in combinations(reviewers, 2):
        shared = [(said[one], said[other]) for said in items.values() if one in said and other in said]
        if len(shared) < FEW:
            continue
        alike = sum(a == b for a, b in shared) / len(shared)
        yield {
            "reviewers": [one, other],
            "items": len(shared),
            "alike": round(alike, 4),
            "kappa": _kappa(shared),
        }


def _kappa(shared: Sequence[tuple[str, str]]) -> float | None:
    """None where both said one and the same of everything: there was no chance to differ."""
    ones, others = (Counter(said) for said in zip(*shared, strict=True))
    chance = sum(ones[label] * others[label] for label in ones) / len(shared) ** 2
    if chance == 1:
        return None
    alike = sum(a == b for a, b in shared) / len(shared)
    return round((alike - chance) / (1 - chance), 4)


def _by_label(items: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Of the items that somebody gave a label, the share to which all gave it."""
    every = sorted({label for said in items.values() for label in said.values()})
    return {
        label: _share(set(said.values()) == {label} for said in items.values() if label in said.values())
        for label in every
    }


def _against_gold(last: Mapping[tuple[str, str], str], gold: Mapping[str, str]) -> dict[str, Any]:
    """Per reviewer: items, share right, and what was said for what."""
    found: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for (about, reviewer), label in last.items():
        if about in gold:
            found[reviewer][gold[about], label] += 1
    return {
        reviewer: {
            "items": counts.total(),
            "right": round(sum(n for (gold, said), n in counts.items() if gold == said) / counts.total(), 4),
            "said": {f"{gold} as {said}": n for (gold, said), n in sorted(counts.items())},
        }
        for reviewer, counts in sorted(found.items())
    }


def _share(found: Iterable[bool]) -> float | None:
    every = list(found)
    return round(sum(every) / len(every), 4) if every else None
