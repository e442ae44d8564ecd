"""What was simulated, as Markdown tables, and their places in docs/scaling.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.scale_cell import KINDS
from tests.bench.scale_ladder import Rung
from tests.bench.scale_run import Result
from tests.bench.scale_sizing import Row

COUNTED = tuple(kind for kind in KINDS if kind != "stream")
FIRST = 3
BEGIN, END = "<!-- {}: python -m tests.bench.scale --write -->", "<!-- end of {} -->"


def blocks(found: Mapping[str, Any]) -> dict[str, str]:
    """Name of a marked place to its lines."""
    made = {
        "fleet": "\n".join(fleet_lines(found)),
        "ladder": "\n".join(ladder_lines(found)),
        "sweep": "\n".join(sweep_lines(found)),
    }
    return made | ({"whole": "\n".join(whole_lines(found["whole"]))} if "whole" in found else {})


def written(document: str, parts: Mapping[str, str]) -> str:
    """The document with its marked places filled anew. Raises ValueError where a marker is missing."""
    for name, text in parts.items():
        begin, end = BEGIN.format(name), END.format(name)
        if begin not in document or end not in document:
            raise ValueError(f"expected {begin} and {end} in the document")
        before, _, rest = document.partition(begin)
        document = f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"
    return document


def costs_lines(told: Mapping[str, Any]) -> list[str]:
    """The file of costs as a table."""
    groups = {"step": told["steps"]}
    groups |= {f"hop, {name}": each for name, each in told["hops"].items()}
    groups |= {f"engine, {name}": each for name, each in told["engines"].items()}
    lines = ["| | name | value | what | from |", "| --- | --- | --- | --- | --- |"]
    for group, costs in groups.items():
        for name, cost in ((name, cost) for name, cost in costs.items() if cost["value"]):
            value = f"{1000 * cost['value']:.4g} ms" if cost["unit"] == "s" else f"{cost['value']:,.4g}"
            lines.append(f"| {group} | `{name}` | {value} | {cost['what']} | {cost['from']} |")
    return lines


def fleet_lines(found: Mapping[str, Any]) -> list[str]:
    """Two tables for each engine: what is seen and paid, and what it takes."""
    lines = []
    for engine, rows in found["fleet"].items():
        lines += [f"**{engine}**", "", *_seen(rows, found["objective"].first_p99_s), "", *_taken(rows), ""]
    return lines[:-1]


def _seen(rows: Sequence[Row], goal_s: float) -> list[str]:
    head = ("people", "answers/s", "tokens/s", "first window p50 / p95 / p99, s", "whole answer p50 / p95 / p99, s",
            f"p99 ≤ {goal_s:g} s", "log a day", "per hour", "per 1,000 answers")  # fmt: skip
    lines = _head(head)
    for row in rows:
        found = row.cell.found
        cells = (f"{row.users:,}", f"{row.answers_per_s:,.1f}", f"{row.tokens_per_s:,.0f}", _three(found.first),
                 _three(found.end), "held" if row.cell.holds else "not held", _bytes(row.log_bytes_per_day),
                 f"{row.price_per_hour:,.2f}", f"{row.price_per_1000:.3f}")  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _taken(rows: Sequence[Row]) -> list[str]:
    lines = _head(("people", "cells", *COUNTED, "cores", "GPUs"))
    for row in rows:
        used = row.cell.found.used
        each = [f"{row.replicas[kind]:,} ({100 * used[kind]:.0f} %)" for kind in COUNTED]
        cells = (f"{row.users:,}", f"{row.cells:,}", *each, f"{row.cores:,.0f}", f"{row.gpus:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def ladder_lines(found: Mapping[str, Any]) -> list[str]:
    """What one replica of each kind carries, a table for each engine; of its variants, what ends first."""
    lines, seen = list[str](), set[str]()
    rungs: Sequence[Rung]
    for name, rungs in found["ladder"].items():
        lines += [f"**{name}**", "", *_head(("", "one replica", "ms an answer", "answers/s", "people", "more by"))]
        plain = name.partition(", ")[0] not in seen
        seen.add(name.partition(", ")[0])
        for number, rung in enumerate(rungs if plain else rungs[:FIRST], 1):
            cells = (str(number), rung.kind, f"{1000 * rung.seconds:.2f}", f"{rung.answers_per_s:,.1f}",
                     f"{rung.users:,.0f}", rung.remedy)  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines[:-1]


def sweep_lines(found: Mapping[str, Any]) -> list[str]:
    """How busy one of each is, by the number of people."""
    lines = _head(("people", "answers/s", "first window p50 / p99, s", "refused", *KINDS))
    results: Sequence[Result] = found["sweep"]
    for each in results:
        used = [f"{100 * each.used[kind]:.0f} %" for kind in KINDS]
        seen = f"{each.first[0]:.2f} / {each.first[2]:.2f}"
        cells = (f"{each.users:,}", f"{each.answers_per_s:.1f}", seen, f"{100 * each.refused:.1f} %", *used)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def whole_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cells beside one graph of as many replicas."""
    first, end = "first window p50 / p95 / p99, s", "whole answer p50 / p95 / p99, s"
    lines = _head(("people", "", "answers/s", first, end))
    for row in rows:
        for name, factor in (("cell", row["cells"]), ("whole", 1)):
            each: Result = row[name]
            told = f"{factor} cells" if name == "cell" else "one graph"
            rate = f"{each.answers_per_s * factor:,.1f}"
            cells = (f"{row['users']:,}", told, rate, _three(each.first), _three(each.end))
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def scaled_lines(found: Result) -> list[str]:
    """When there were how many Models, and what people noticed."""
    lines = [f"after {at:,.0f} s: {count} Models" for at, count in found.scaled]
    seen = f"first window p50 / p95 / p99 {_three(found.first)} s, {100 * found.refused:.1f} % refused"
    return [
        *lines,
        f"{found.users:,} people, the last {found.seconds:g} s: {found.answers_per_s:.1f} answers/s, {seen}",
    ]


def _head(names: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]


def _three(seconds: Sequence[float]) -> str:
    return " / ".join(f"{each:.2f}" for each in seconds)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
