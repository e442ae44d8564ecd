"""One engine in a process of its own: a JSON spec on standard input, a JSON reading on standard output.

    python -m tests.bench.engines_reader < spec.json

Runs in whatever environment the engine needs: up to its driver it takes only the standard library.
"""

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one prompt got: token ids or text, and seconds from the asking of all to its first token."""

    first_s: float
    tokens: int
    ids: tuple[int, ...] = ()
    text: str = ""


class Driver(Protocol):
    """One engine, loaded. `extras` are measured once, by the first round alone."""

    @property
    def packages(self) -> tuple[str, ...]:
        """What computes, by the names of its distributions."""
        ...

    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        """Greedy answers to all prompts at once, each of `tokens` tokens whatever the model would rather."""
        ...

    def extras(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Of perplexity, adapter_changes, close_ms, after_close_cpu_ms what this engine can tell."""
        ...


def measure(
    driver: Driver, prompts: Sequence[Sequence[int]], setting: Sequence[int], one_by_one: int
) -> dict[str, Any]:
    """One setting, streams and tokens: so many prompts at once, or some one by one where it is one stream."""
    streams, tokens = setting
    groups = [[prompt] for prompt in prompts[:one_by_one]] if streams == 1 else [prompts[:streams]]
    cpu_s, began = tree_cpu_s(), time.perf_counter()
    answers = [answer for group in groups for answer in driver.generate(group, tokens)]
    wall_s = time.perf_counter() - began
    return {
        "streams": streams, "tokens": tokens, "wall_s": wall_s, "cpu_s": tree_cpu_s() - cpu_s,
        "answers": [asdict(answer) for answer in answers],
    }  # fmt: skip


def versions(packages: Iterable[str]) -> str:
    """Names and versions of what computed."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def tree_cpu_s() -> float:
    """CPU seconds of this process and all below it, those that ended and were waited for included."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in _tree()) / TICKS


def tree_rss_mib() -> float:
    """Resident memory of this process and all below it."""
    return sum(int(_stat(pid)[21]) for pid in _tree()) * PAGE / 2**20


def _tree() -> list[int]:
    parents = {int(path.name): int(_stat(int(path.name))[1]) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found, new = {os.getpid()}, {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return sorted(found)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; of a process that is gone zeros."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["0"] * 50


def load(spec: dict[str, Any]) -> Driver:
    """The driver that the spec names."""
    sys.path.insert(0, spec["root"])  # another checkout's engine may be measured too
    if spec["driver"] in ("vllm", "llamacpp"):
        from tests.bench import engines_peers

        return engines_peers.load(spec)
    from tests.bench import engines_drivers

    return engines_drivers.load(spec)


def main() -> int:
    """Pin, load, warm up, measure every setting, then what is measured once."""
    began = time.perf_counter()
    spec = json.load(sys.stdin)
    os.sched_setaffinity(0, {spec["core"]})
    said = os.dup(1)
    os.dup2(2, 1)  # libraries that print shall not disturb what we say
    if spec["driver"] == "memory":
        from tests.bench.engines_peers import read_gb_per_s

        found: dict[str, Any] = {"gb_per_s": read_gb_per_s()}
    else:
        driver = load(spec)
        found = {"load_s": time.perf_counter() - began, "packages": versions(driver.packages)}
        driver.generate([spec["warm_up"]], 4)
        asked = zip(spec["prompts"], spec["settings"], strict=True)
        found["runs"] = [measure(driver, prompts, setting, spec["asked"]) for prompts, setting in asked]
        found["rss_mib"] = tree_rss_mib()
        if spec["extras"]:
            found |= driver.extras(spec)
    os.write(said, json.dumps(found).encode())
    os._exit(0)  # an engine's threads may hold an ordinary end up


if __name__ == "__main__":
    sys.exit(main())
