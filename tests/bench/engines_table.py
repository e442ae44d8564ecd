"""Figures of the engine benchmark out of its rounds, and the table of them."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from tests.bench.engines_contestants import OURS, REFERENCE

Round = dict[str, Any]
Decode = Callable[[Sequence[int]], str]
MOST_WORSE = 1.03  # perplexity beside the reference's


def figures(rounds: Mapping[str, Sequence[Round]], decode: Decode, memory: Sequence[float], weights: int) -> Round:
    """All rows. `rounds`: what the reader said of each engine, in order; `memory`: GB/s; `weights`: bytes in bf16."""
    read = max(memory, default=None)
    found: Round = {
        "read_gb_per_s": read, "weights_bytes": weights,
        "bound_tokens_per_s": read and read * 1e9 / weights, "engines": {},
    }  # fmt: skip
    reference = _reference(rounds.get(REFERENCE, ()))
    for name, said in rounds.items():
        found["engines"][name] = _row(said, decode, reference)
    _beside_reference(found["engines"])
    return found


def _row(said: Sequence[Round], decode: Decode, reference: Sequence[Sequence[int]]) -> Round:
    row: Round = {name: _median(one[name] for one in said) for name in ("load_s", "rss_mib")}
    row["packages"], row["rounds"] = said[0]["packages"], len(said)
    once = ("perplexity", "adapter_changes", "close_ms", "after_close_cpu_ms")
    row |= {name: next((one[name] for one in said if name in one), None) for name in once}
    settings = [(run["streams"], run["tokens"]) for run in said[0]["runs"]]
    row["settings"] = {f"{streams} x {tokens}": _setting(said, streams, tokens) for streams, tokens in settings}
    row["agrees"] = _agrees(said[0], decode, reference)
    return row


def _setting(said: Sequence[Round], streams: int, tokens: int) -> Round:
    runs = [run for one in said for run in one["runs"] if (run["streams"], run["tokens"]) == (streams, tokens)]
    counts = [sum(answer["tokens"] for answer in run["answers"]) for run in runs]
    rates = [count / run["wall_s"] for count, run in zip(counts, runs, strict=True)]
    return {
        "tokens_per_s": _median(rates), "tokens_per_s_best": max(rates),
        "cpu_ms_per_token": _median(1000 * run["cpu_s"] / count for count, run in zip(counts, runs, strict=True)),
        "first_ms_p50": _median(1000 * answer["first_s"] for run in runs for answer in run["answers"]),
        "first_ms_max": max(1000 * answer["first_s"] for run in runs for answer in run["answers"]),
    }  # fmt: skip


def _reference(said: Sequence[Round]) -> list[list[int]]:
    """The token ids that every engine's answers are held against: those of the longest and widest setting."""
    return [answer["ids"] for answer in _longest(said[0])["answers"]] if said else []


def _longest(one: Round) -> Round:
    run: Round = max(one["runs"], key=lambda run: (run["streams"], run["tokens"]))
    return run


def _agrees(one: Round, decode: Decode, reference: Sequence[Sequence[int]]) -> Round | None:
    """Tokens of the reference until the first other character, over the answers of the longest setting."""
    answers = _longest(one)["answers"]
    if len(reference) != len(answers):
        return None
    texts = [answer["text"] or decode(answer["ids"]) for answer in answers]
    same = [agreed(text, ids, decode) for text, ids in zip(texts, reference, strict=True)]
    return {"p50": _median(same), "least": min(same), "of": len(reference[0])}


def agreed(text: str, ids: Sequence[int], decode: Decode) -> int:
    """How many tokens of `ids` stand at the head of `text`, by what they decode to."""
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, decode(ids), strict=False)))
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(decode(ids[:middle])) <= length else (low, middle - 1)
    return low


def _beside_reference(engines: dict[str, Round]) -> None:
    base = (engines.get(REFERENCE) or {}).get("perplexity")
    for row in engines.values():
        row["x_perplexity"] = row["perplexity"] / base if base and row["perplexity"] else None


def _median(values: Any) -> float:
    return float(statistics.median(values))


def table(found: Round) -> Iterator[str]:
    """The lines to print."""
    yield from (f"{name:14}{value}" for name, value in found["machine"].items())
    if found["bound_tokens_per_s"]:
        read, size = f"{found['read_gb_per_s']:.1f} GB/s", f"{found['weights_bytes'] / 1e6:.0f} MB"
        yield f"one core reads {read}; {size} of bf16 weights: at most {found['bound_tokens_per_s']:.0f} steps/s"
    settings = list(next(iter(found["engines"].values()))["settings"]) if found["engines"] else []
    for setting in settings:
        yield from _rates(found, setting)
    yield f"\n{'':32}{'load, s':>9}{'RSS, MiB':>10}{'perplexity':>12}{'/ fp32':>8}{'agrees with fp32':>24}"
    yield from (_quality(name, row) for name, row in found["engines"].items())
    yield from (f"not run: {name}: {reason}" for name, reason in found["not_run"].items())
    yield from _remarks(found["engines"])
    loads = [load for each in found["load_before"].values() for load in each]
    if loads:
        yield f"load average before a round: median {statistics.median(loads):.2f}, at most {max(loads):.2f}"


def _rates(found: Round, setting: str) -> Iterator[str]:
    streams, _, tokens = setting.partition(" x ")
    columns = f"{'CPU ms/token':>14}{'first token, ms p50':>21}{'max':>8}{'of bound':>10}"
    yield f"\n{f'{streams} stream(s), {tokens} tokens each':32}{'tokens/s':>10}{'best':>8}{columns}"
    for name, row in found["engines"].items():
        figure, bound = row["settings"][setting], found["bound_tokens_per_s"]
        share = f"{figure['tokens_per_s_best'] / (bound * int(streams)):10.2f}" if bound else f"{'-':>10}"
        yield (
            f"{name:32}{figure['tokens_per_s']:10.1f}{figure['tokens_per_s_best']:8.1f}"
            f"{figure['cpu_ms_per_token']:14.2f}{figure['first_ms_p50']:21.0f}{figure['first_ms_max']:8.0f}{share}"
        )


def _quality(name: str, row: Round) -> str:
    agrees = row["agrees"]
    same = f"p50 {agrees['p50']:.0f}, least {agrees['least']} of {agrees['of']}" if agrees else "-"
    return (
        f"{name:32}{row['load_s']:9.1f}{row['rss_mib']:10.0f}{_number(row['perplexity'], 2):>12}"
        f"{_number(row['x_perplexity'], 3):>8}{same:>24}"
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _remarks(engines: dict[str, Round]) -> Iterator[str]:
    for name, row in engines.items():
        if row["adapter_changes"] is not None:
            yield f"{name}: the shipped adapter {'changes' if row['adapter_changes'] else 'DOES NOT change'} the answer"
        if row["close_ms"] is not None:
            after = f"{row['after_close_cpu_ms']:.0f} ms of CPU in the half second after"
            yield f"{name}: cancelling all streams took {row['close_ms']:.1f} ms, {after}"
        if (row["x_perplexity"] or 0) > MOST_WORSE:
            yield f"{name}: perplexity is {row['x_perplexity']:.3f} times the reference's, more than {MOST_WORSE}"
    yield from _fastest(engines)


def _fastest(engines: dict[str, Round]) -> Iterator[str]:
    """Ours beside the fastest other on the same weights, and beside the thriftiest; the quantised row stands apart."""
    ours = engines.get(OURS.name)
    others = {name: row for name, row in engines.items() if "preceptor" not in name and "quantised" not in name}
    if ours is None or not others:
        return
    for setting in ours["settings"]:
        name = max(others, key=lambda other: others[other]["settings"][setting]["tokens_per_s"])
        rate = others[name]["settings"][setting]["tokens_per_s"]
        share = ours["settings"][setting]["tokens_per_s"] / rate
        yield f"{setting}: {OURS.name} gives {share:.2f} of the tokens/s of the fastest other, {name} ({rate:.1f})"
        name = min(others, key=lambda other: others[other]["settings"][setting]["cpu_ms_per_token"])
        spent = others[name]["settings"][setting]["cpu_ms_per_token"]
        share = ours["settings"][setting]["cpu_ms_per_token"] / spent
        said = f"takes {share:.2f} of the CPU time of the thriftiest other, {name} ({spent:.2f} ms)"
        yield f"{setting}: {OURS.name} {said}"
