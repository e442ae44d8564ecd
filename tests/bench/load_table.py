"""The figures of load as a printed table and as an SVG: latency and throughput against the rate that is offered."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.curves import Points
from tests.bench.load_figures import holds
from tests.bench.load_plot import Panel, draw

HEAD = (f"{'asked/s':>8}{'served/s':>9}{'served':>8}{'first window ms':>24}{'to the end ms':>24}"
        f"{'tok/s':>8}{'win/s':>7}{'429':>5}{'503':>5}{'other':>6}{'broken':>7}")  # fmt: skip
SUB = f"{'':25}{'p50':>8}{'p95':>8}{'p99':>8}{'p50':>8}{'p95':>8}{'p99':>8}"


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines: a row for each rate, then what each kind of process spends, who answered, and what the log holds."""
    yield from (HEAD, SUB)
    rows = sorted(found["rows"], key=lambda each: float(each["rate"]))
    for row in rows:
        yield _line(row) + ("" if holds(row, found["bound_s"]) else "   over capacity")
    best = next((row for row in rows if row["rate"] == found["capacity_per_s"]), None)
    shown = best or (rows[0] if rows else None)
    if shown:
        spent = shown["cpu_ms_per_request"]
        yield f"CPU ms per request at {shown['rate']:g}/s: " + ", ".join(f"{name} {ms:g}" for name, ms in spent.items())
        yield f"answered by: {shown['answered_by']}"
        for kind, own in shown["kinds"].items():
            yield f"  {kind:9} first window p50/p99 {_ms(own['first_ms'], 50)}/{_ms(own['first_ms'], 99)} ms"
    if found.get("log"):
        log = found["log"]
        yield (f"log valid: {log['log_valid']}; {log['bytes']} bytes of {log['texts']} texts received, "
               f"unlogged bytes {log['unlogged_bytes']}")  # fmt: skip
    yield f"capacity: {found['capacity_per_s']} questions/s, by: {found['rule']}"


def _line(row: Mapping[str, Any]) -> str:
    first, end, out = row["first_ms"], row["end_ms"], row["outcomes"]
    other = out.get("error", 0) + out.get("unreachable", 0)
    return (
        f"{row['offered_per_s']:8.2f}{row['completed_per_s']:9.2f}{100 * (row['served_share'] or 0):7.1f}%"
        + "".join(f"{_ms(each, percent):>8}" for each in (first, end) for percent in (50, 95, 99))
        + f"{row['tokens_per_s']:8.1f}{row['windows_per_s']:7.1f}{out.get('limited', 0):5}{out.get('unavailable', 0):5}"
        + f"{other:6}{out.get('broken', 0):7}"
    )


def _ms(latency: Mapping[str, float | None], percent: int) -> str:
    value = latency[f"p{percent}"]
    return "-" if value is None else f"{value:.0f}"


def curves(found: Mapping[str, Any], title: str) -> str:
    """The SVG of what `load.measure` gives."""

    def line(*names: str) -> Points:
        points = []
        for row in found["rows"]:
            value: Any = row
            for name in names:
                value = value[name]
            if value:
                points.append((row["offered_per_s"], float(value)))
        return points

    bound = found["bound_s"] * 1000
    late = {f"first window, p{percent}": line("first_ms", f"p{percent}") for percent in (50, 95, 99)}
    late |= {f"to the end, p{percent}": line("end_ms", f"p{percent}") for percent in (50, 99)}
    asked = [(row["offered_per_s"], row["offered_per_s"]) for row in found["rows"]]
    panels = [
        Panel("milliseconds since a question was meant to leave", "questions per second offered", late, log=True,
              level=(f"bound for the first window's p99: {bound:g} ms", bound)),
        Panel("questions per second", "questions per second offered",
              {"served": line("completed_per_s"), "offered": asked}),
        Panel("tokens per second", "questions per second offered", {"generated": line("tokens_per_s")}),
    ]  # fmt: skip
    return draw(title, f"capacity {found['capacity_per_s']} questions/s: {found['rule']}", panels)
