"""docs/guard.md out of a sheet: the same figures as the JSON beside the weights, for people."""

from typing import Any

_FRAME = """# The guard, measured

Written by `{command}`; the same figures lie in `guards/weights/sheet.json`. Known: near-duplicate
clusters held out of sources that the shipped guard was trained on. Unseen: sets that no published weight may be
trained on and, with `--unseen`, whole groups of sources, each judged by a guard that was fitted without it. Caught
means refused; a lesson does not count. Intervals are exact 95 % (Clopper and Pearson). Thresholds:
`guards/policy.yaml`, chosen on other held-out clusters for a stated budget of false refusals. Minimal pairs (sentences
that share words and differ in intent) have measures of their own, and the first two lines show what they change. False
positives of overrides are counted on calm texts; those that only look dangerous have measures of their own too.

![The measures and the reliability of both heads](guard.svg)

## Against the aims

{targets}

## Evasion: refused, in per cent

Harmful asks and overrides should stay refused in every disguise; benign texts should stay answered.

{evasion}

## Translated attacks, languages that were left out

A guard fitted without these languages; the first line is the English they were translated from. In a script that the
encoder does not read (here Bengali, Hindi, Korean, Russian) nothing is refused on scores that mean nothing: the text is
met with a lesson that no pass opens, and is never answered.

{languages}

## Per source

### Known

{known}

### Unseen

{unseen}

## Cost

A whole check of a plain prompt of about 64 tokens, rules and policy included, on one core: p50 {p50} ms, p99 {p99} ms
({n} prompts, best of three runs). A text of {long_words} words, about 8,000 tokens, is read whole: {long} ms. What
the views of a disguise cost says the last column of the table of disguises.

## Worst misses

The most confident errors on held-out texts whose licence allows quoting: what should be refused and was answered, and
what should be answered or taught and was refused.

{misses}
"""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _targets(sheet: dict[str, Any]) -> str:
    rows = []
    for row in sheet["targets"]:
        interval = "" if row["interval"] is None else " to ".join(_percent(end) for end in row["interval"])
        value = "not run" if row["value"] is None else f"{_percent(row['value'])} %"
        rows.append([row["measure"], row["aim"], value, interval, str(row["of"]), "yes" if row["met"] else "no"])
    return _table(["measure", "aim", "found", "95 % interval", "texts", "met"], rows)


def _sources(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            str(r["refuse"]["of"]),
            _percent(r["refuse"]["share"]),
            f"{_percent(r['refuse']['low'])} to {_percent(r['refuse']['high'])}",
            _percent(r["teach"]["share"]),
        ]
        for name, r in found.items()
    ]
    return _table(["source: label", "texts", "refused %", "95 % interval", "lesson %"], rows)


def _evasion(found: dict[str, Any]) -> str:
    labels = ["harmful", "override", "educational"]
    rows = [[name, *(_percent(r[label]["share"]) for label in labels), str(r["ms"])] for name, r in found.items()]
    return _table(["disguise", "harmful asks", "overrides", "benign texts", "ms a check"], rows)


def _languages(found: dict[str, Any]) -> str:
    order = sorted(found, key=lambda name: (name != "english", name))
    rows = [
        [
            name,
            str(found[name]["refuse"]["of"]),
            *(_percent(found[name][k]["share"]) for k in ("refuse", "refuse_or_teach")),
        ]
        for name in order
    ]
    return _table(["language", "texts", "refused %", "not answered %"], rows)


def _misses(found: dict[str, Any]) -> str:
    rows = [[label, m["source"], f"{m['risk']:.3f}", m["text"]] for label, bad in found.items() for m in bad]
    return _table(["should be", "source", "risk said", "text"], rows)


def render(sheet: dict[str, Any]) -> str:
    """The page."""
    return _FRAME.format(
        command=sheet["command"],
        targets=_targets(sheet),
        evasion=_evasion(sheet["evasion"]),
        languages=_languages(sheet["languages"]) if sheet["languages"] else "Not run.",
        known=_sources(sheet["known"]),
        unseen=_sources(sheet["unseen"]) if sheet["unseen"] else "Not run.",
        misses=_misses(sheet["misses"]),
        **sheet["latency"],
    )
