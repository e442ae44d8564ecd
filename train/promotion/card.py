"""The model card: a README.md with the header that model hubs read, and below it what a person should know."""

from collections.abc import Iterator
from typing import Any

import yaml

from train.promotion import bom, provenance, signature
from train.promotion.case import DRAWN, EVALUATION, RUN, Case
from train.promotion.words import INTENDED, LIMITS, TASK

NAME = "README.md"
_HUB_LICENCES = frozenset({"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc0-1.0", "llama3.1", "llama3.2"})


def document(case: Case) -> str:
    """The Markdown; the same case gives the same text."""
    header = yaml.safe_dump(_header(case), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{header}---\n\n" + "\n".join(_body(case)) + "\n"


def _header(case: Case) -> dict[str, Any]:
    licence = case.base.licence.lower()
    terms: dict[str, Any] = {"license": licence}
    if licence not in _HUB_LICENCES:
        terms = {"license": "other", "license_name": licence}
        terms |= {"license_link": case.base.licence_url} if case.base.licence_url else {}
    return {
        **terms,
        "language": ["en"],
        "library_name": "peft",
        "pipeline_tag": TASK,
        "base_model": case.base.hub or case.base.name,
        "base_model_relation": "adapter",
        **({"datasets": [case.run.dataset.name]} if case.run.dataset else {}),
        "tags": ["lora", "security", "education"],
        "model-index": [{"name": case.run.name, "results": _results(case)}],
    }


def _results(case: Case) -> list[dict[str, Any]]:
    suite = case.evaluation.suite_digest[:16]
    return [
        {
            "task": {"type": TASK, "name": one.group},
            "dataset": {"name": "Preceptor's gate", "type": suite},
            "metrics": [{"type": one.unit, "name": one.name, "value": one.after.value}],
        }
        for one in case.evaluation.measures
    ]


def _body(case: Case) -> Iterator[str]:
    run, told = case.run, case.evaluation
    yield f"# {run.name}"
    yield ""
    yield f"A LoRA adapter for {case.base.name} (licence {case.base.licence}), tuned by Preceptor."
    yield f"It is known by the digest `{case.adapter.digest}`; with its base it is the model `{case.model_digest}`,"
    yield "which answers and the log's promotion record cite."
    if case.base.licence_notes:
        yield from ("", f"Of the base's licence: {case.base.licence_notes}")
    yield from _section("Intended use", [INTENDED])
    yield from _section("Limits", [f"- {one}" for one in LIMITS])
    yield from _section(f"Gate: {'passed' if told.passed else 'not passed'}", _gate(case))
    yield from _section("Training", _training(case))
    yield from _section("How to make it again", _again(case))
    yield from _section("Papers in this folder", _papers(case))


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", *lines)


def _gate(case: Case) -> list[str]:
    """The table of all measures, the bad ones too."""
    told = case.evaluation
    champion = told.champion.adapter_digest
    former = "the base" if champion is None else f"the adapter `{champion[:16]}`"
    lines = [
        f"Before: {former}. After: this adapter. The same items on both sides, 95 % intervals in brackets.",
        "",
        "| measure | better | n | before | after | difference | rule | held |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for one in told.measures:
        values = " | ".join(_interval(part) for part in (one.before, one.after, one.difference))
        held = "-" if one.rule == "reported" else "yes" if one.passed else "no"
        lines.append(f"| {one.name} | {one.better} | {one.n} | {values} | {one.rule.replace('_', ' ')} | {held} |")
    return lines + [line for name in DRAWN[1:] if name in case.files for line in ("", f"![Before and after]({name})")]


def _interval(part: Any) -> str:
    return f"{part.value:.4g} [{part.low:.4g}, {part.high:.4g}]"


def _training(case: Case) -> list[str]:
    run, data = case.run, case.run.dataset
    lines = [f"- base: {case.base.name}, digest `{case.base.digest}`"]
    if data:
        lines.append(f"- dataset: {data.name}, {data.rows} rows, digest `{data.digest}`")
    lines.append(f"- plan: digest `{run.plan.digest}`; all of it is in {RUN}")
    lines += [f"- {name}: {value:.6g}" for name, value in sorted(run.metrics.items())]
    if run.start_adapter:
        lines.append(f"- went on from the adapter `{run.start_adapter}`")
    lines.append(f"- ended {run.finished} after {run.seconds:.0f} s; source at commit `{run.commit}`")
    lines.append("- versions: " + ", ".join(f"{name} {version}" for name, version in sorted(run.versions.items())))
    return lines + [line for name in DRAWN[:1] if name in case.files for line in ("", f"![Loss of the run]({name})")]


def _again(case: Case) -> list[str]:
    return [
        "```sh",
        case.run.command,
        case.evaluation.made.command,
        "```",
        "",
        "The same plan and rows give the same batches; another processor or version may round otherwise.",
    ]


def _papers(case: Case) -> list[str]:
    return [
        f"- `{RUN}`, `{EVALUATION}`: the run and the gate, as they were written",
        f"- `{bom.NAME}`: bill of materials, CycloneDX 1.6",
        f"- `{provenance.NAME}`: in-toto statement with SLSA provenance",
        f"- `{signature.NAME}`: OpenSSF model signature over every other file; to check it:",
        "",
        "```sh",
        "python -m train.promote --verify DIR --public-key FILE",
        "```",
    ]
