"""Figures of the proxy benchmark out of what the client heard, and the table of them."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

Heard = dict[str, Any]
OURS = "preceptor, words"
BESIDE = "LiteLLM, content filter"


def figures(rounds: Sequence[Heard]) -> Heard:
    """One cell, a place at one load: all rounds' answers together, rates and CPU by the median of the rounds."""
    good = [one for one in rounds if one["total"]]
    total = sorted(value for one in good for value in one["total"])
    first = sorted(value for one in good for value in one["first"])
    bad: dict[str, int] = {}
    for one in rounds:
        for why, count in one["bad"].items():
            bad[why] = bad.get(why, 0) + count
    if not good:
        return {"answers": 0, "bad": bad}
    return {
        "answers": len(total), "bad": bad,
        "per_s": statistics.median(len(one["total"]) / one["wall_s"] for one in good),
        "per_s_best": max(len(one["total"]) / one["wall_s"] for one in good),
        "p50_ms": 1000 * quantile(total, 0.5), "p99_ms": 1000 * quantile(total, 0.99),
        "max_ms": 1000 * total[-1],
        "first_p50_ms": 1000 * quantile(first, 0.5), "first_p99_ms": 1000 * quantile(first, 0.99),
        "cpu_ms": statistics.median(1000 * one["server_cpu_s"] / len(one["total"]) for one in good),
        "client_cpu_ms": statistics.median(1000 * one["client_cpu_s"] / len(one["total"]) for one in good),
    }  # fmt: skip


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    if not ordered:
        raise ValueError("expected values, got none")
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


def table(found: Heard) -> Iterator[str]:
    """The lines to print."""
    yield from (f"{name:14}{value}" for name, value in found["machine"].items())
    loads = sorted({load for place in found["places"].values() for load in place["loads"]}, key=_order)
    for load in loads:
        more = f"{'first p50':>11}{'first p99':>11}{'CPU ms':>9}{'answers':>9}{'bad':>6}"
        yield f"\n{load:36}{'per s':>9}{'best':>9}{'p50 ms':>9}{'p99 ms':>9}{more}"
        for name, place in found["places"].items():
            if load in place["loads"]:
                yield _line(name, place["loads"][load])
    yield ""
    yield from _remarks(found["places"])
    yield from (f"not run: {name}: {reason}" for name, reason in found["not_run"].items())
    yield from _beside(found["places"], loads)
    yield "load average before each place: " + ", ".join(f"{load:.2f}" for load in found["load_before"])


def _order(load: str) -> tuple[bool, int]:
    kind, _, clients = load.rpartition(" ")
    return "stream" in kind, int(clients)


def _line(name: str, cell: Heard) -> str:
    if not cell["answers"]:
        return f"{name:36}no good answer: {cell['bad']}"
    columns = ("per_s", "per_s_best", "p50_ms", "p99_ms")
    return (
        f"{name:36}" + "".join(f"{cell[column]:9.1f}" for column in columns)
        + f"{cell['first_p50_ms']:11.1f}{cell['first_p99_ms']:11.1f}{cell['cpu_ms']:9.2f}"
        + f"{cell['answers']:9}{sum(cell['bad'].values()):6}"
    )  # fmt: skip


def _remarks(places: Heard) -> Iterator[str]:
    for name, place in places.items():
        idle = f"{100 * place['idle_cores']:.0f} % of a core while nobody asks"
        yield f"{name}: ready after {place['start_s']:.0f} s, {place['rss_mib']:.0f} MiB resident, {idle}"
        if place["refused"] is not None:
            said = "refused" if place["refused"] == 400 else f"NOT REFUSED ({place['refused']})"
            yield f"{name}: the bad prompt was {said}"
        if place["logged"] is not None:
            lost = place["given"] - place["logged"]
            said = f"MISSING {lost}" if lost > 0 else "none is missing"
            yield f"{name}: {place['given']} answers given, {place['logged']} in the log, {said}"


def _beside(places: Heard, loads: Sequence[str]) -> Iterator[str]:
    if OURS not in places or BESIDE not in places:
        return
    for load in loads:
        ours, theirs = (places[name]["loads"].get(load, {"answers": 0}) for name in (OURS, BESIDE))
        if ours["answers"] and theirs["answers"]:
            rate, cpu = ours["per_s"] / theirs["per_s"], ours["cpu_ms"] / theirs["cpu_ms"]
            p99 = ours["p99_ms"] / theirs["p99_ms"]
            said = f"{rate:.2f} times the answers/s, {p99:.2f} times the p99, {cpu:.2f} times the CPU"
            yield f"{load}: beside {BESIDE}, {said}"
