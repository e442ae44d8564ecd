"""The log benchmark's figures set side by side: ratios, the aims that were met, the printed table, the curves."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tests.bench import curves
from tests.bench.log_records import Rate

AIM_OPEN_P99_MS = 60.0
AIM_ROOT_PER_S = 200_000
AIM_WHOLE_PER_S = 25_000
AIM_RECEIPT_BYTES = 2_500
AIM_QUERY_S = 1.0
AIM_LOOSE_FILES = 1_000
AIM_OPEN_S = 2.0
COLUMNS = f"{'':22}{'clients':>8}{'records/s':>11}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'files/s':>9}{'B/record':>10}"


def with_ratios(rates: Sequence[Rate], fdatasync_per_s: float | None) -> list[dict[str, Any]]:
    """Each rate, and its ratio to PostgreSQL at as many clients and to the disk's fdatasync; None where unmeasured."""
    beside = {rate.clients: rate.records_per_s for rate in rates if rate.system == "PostgreSQL"}
    return [
        asdict(rate)
        | {
            "x_postgresql": _ratio(rate.records_per_s, beside.get(rate.clients)),
            "x_fdatasync": _ratio(rate.records_per_s, fdatasync_per_s),
        }
        for rate in rates
    ]


def _ratio(value: float, base: float | None) -> float | None:
    return value / base if base else None


def aims(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What issue and design ask for, as far as it was measured: figure, bar, met."""
    rows = [
        _aim(f"{row['system']}, {row['clients']} clients: records/s beside PostgreSQL", row["x_postgresql"], least=1)
        for row in found.get("rates", ())
        if row["system"].startswith("log") and row["x_postgresql"] is not None and row["clients"] >= 64
    ]
    rows += [
        _aim(f"{row['system']}, 1,000 records/s arriving: p99 ms", row["p99_ms"], most=AIM_OPEN_P99_MS)
        for row in found.get("open_loop", ())
    ]
    return rows + list(_reading_aims(found))


def _reading_aims(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "verify" in found:
        bare, full = (found["verify"][name] for name in ("without text", "with text"))
        yield _aim("leaves/s and core to the root", bare["root_per_core_s"], least=AIM_ROOT_PER_S)
        yield _aim("leaves/s and core with text, whole check", full["whole_per_core_s"], least=AIM_WHOLE_PER_S)
    for kind, sizes in found.get("receipt", {}).items():
        yield _aim(
            f"receipt of a record {kind!r} at 10^8 records, bytes", sizes["bytes_at_1e8"], most=AIM_RECEIPT_BYTES
        )
    for name, asked in found.get("query", {}).items():
        yield _aim(f"query by {name}, s", asked["s"], most=AIM_QUERY_S)
    if "start" in found:
        yield _aim("loose files", found["start"]["loose_files"], most=AIM_LOOSE_FILES)
        yield _aim("open for writing, s", found["start"]["open_s"], most=AIM_OPEN_S)


def _aim(name: str, figure: float, *, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    met = figure >= least if least is not None else most is not None and figure <= most
    return {"aim": name, "figure": figure, "at_least": least, "at_most": most, "met": met}


def table(found: dict[str, Any]) -> Iterator[str]:
    """The lines to print."""
    for name, value in found["machine"].items():
        yield f"{name:14}{value}"
    for name, now in found["before"].items():
        yield f"before {name:14}load average {now['load_average']:5.2f}, fdatasync {now['fdatasync_per_s']:7,.0f}/s"
    for name, row in found.get("limits", {}).items():
        more = "".join(
            f"{row[key]:9.2f} {key.removesuffix('_ms')}" for key in ("p50_ms", "p95_ms", "p99_ms") if key in row
        )
        yield f"{name:48}{row['per_s']:12,.0f}/s{more}" + (f"{row['mb_per_s']:9,.0f} MB/s" if "mb_per_s" in row else "")
    if found.get("rates"):
        yield f"{COLUMNS}{'x PostgreSQL':>14}{'x fdatasync':>13}"
        yield from map(_rate_line, found["rates"])
    if found.get("open_loop"):
        yield "records that arrive by the clock, 1,000/s"
        yield from map(_rate_line, found["open_loop"])
    yield from (f"not run: {name}: {reason}" for name, reason in found["not_run"].items())
    yield from _reading_lines(found)
    for row in found["aims"]:
        bar = f">= {row['at_least']:,g}" if row["at_least"] is not None else f"<= {row['at_most']:,g}"
        yield f"{'met' if row['met'] else 'NOT met':8}{row['aim']:68}{row['figure']:12,.2f}  aim {bar}"


def _rate_line(row: dict[str, Any]) -> str:
    cells = [f"{row['records_per_s']:11,.0f}", *(f"{row[name]:9.2f}" for name in ("p50_ms", "p95_ms", "p99_ms"))]
    cells += [_cell(row["objects_per_s"], 9), _cell(row["bytes_per_record"], 10)]
    cells += [_cell(row["x_postgresql"], 14, ".2f"), _cell(row["x_fdatasync"], 13, ".2f")]
    return f"{row['system']:22}{row['clients'] or '':>8}" + "".join(cells)


def _cell(value: float | None, width: int, form: str = ",.0f") -> str:
    return f"{'' if value is None else format(value, form):>{width}}"


def _reading_lines(found: dict[str, Any]) -> Iterator[str]:
    for part in ("verify", "receipt", "query", "start"):
        for name, value in found.get(part, {}).items():
            figures = value.items() if isinstance(value, dict) else [("", value)]
            said = "   ".join(f"{key} {'-' if figure is None else format(figure, ',.6g')}" for key, figure in figures)
            yield f"{part + ', ' + name:34}{said.strip()}"


def curve(rows: Sequence[dict[str, Any]], title: str) -> str:
    """The SVG of all systems that were measured at more than one number of clients."""
    systems = dict.fromkeys(row["system"] for row in rows)
    lines = {name: [row for row in rows if row["system"] == name] for name in systems}
    several = {name: held for name, held in lines.items() if len(held) > 1 and not name.startswith("SQLite")}
    rate, p50, p99 = (
        {name: [(row["clients"], row[column]) for row in held] for name, held in several.items()}
        for column in ("records_per_s", "p50_ms", "p99_ms")
    )
    return curves.draw(title, rate, p50, p99)
