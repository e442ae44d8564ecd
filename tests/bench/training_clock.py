"""One contestant in a fresh process, watched from outside: CPU time of it and of all that it starts."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import psutil

from tests.bench.training_setting import Setting

PERIOD_S = 0.2
ROOT = Path(__file__).resolve().parents[2]


class Failed(RuntimeError):
    """A contestant that gave no marks; the message ends with what it said last."""


class Clock(threading.Thread):
    """Samples the CPU seconds of a process tree until it is stopped. What a process had used at its death stays in."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._used: dict[tuple[int, float], tuple[str, float]] = {}
        self._over = threading.Event()
        self.samples: list[tuple[float, dict[str, float]]] = []

    def run(self) -> None:
        while not self._over.is_set():
            self._look()
            self._over.wait(PERIOD_S)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def between(self, first: float, last: float) -> dict[str, float]:
        """CPU seconds used between two times of time.time(), by the names of processes."""
        before, after = at(self.samples, first), at(self.samples, last)
        return {name: after[name] - before.get(name, 0.0) for name in after}

    def _look(self) -> None:
        try:
            top = psutil.Process(self._root)
            for process in (top, *top.children(recursive=True)):
                try:
                    spent = process.cpu_times()
                    used = process.name(), spent.user + spent.system
                    self._used[process.pid, process.create_time()] = used
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            pass
        by_name: dict[str, float] = defaultdict(float)
        for name, spent_s in self._used.values():
            by_name[name] += spent_s
        self.samples.append((time.time(), dict(by_name)))


def at(samples: list[tuple[float, dict[str, float]]], when: float) -> dict[str, float]:
    """The values at a time, each on a line between the samples around it."""
    for (before, low), (after, high) in pairwise(samples):
        if before <= when <= after:
            part = (when - before) / max(after - before, 1e-9)
            return {name: (1 - part) * low.get(name, 0.0) + part * value for name, value in high.items()}
    raise ValueError(f"expected a time between {samples[0][0]} and {samples[-1][0]}, got {when}")


def run(name: str, setting: Setting, limit_s: float = 1800) -> dict[str, object]:
    """Train as `name`; what the counted steps took and gave. Raises Failed."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(setting.threads), "MKL_NUM_THREADS": str(setting.threads), "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
        "RAY_USAGE_STATS_ENABLED": "0", "TRL_EXPERIMENTAL_SILENCE": "1",
    }  # fmt: skip
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "setting.json", Path(folder) / "marks.json"
        given.write_text(setting.model_dump_json())
        command = [sys.executable, "-m", "tests.bench.training", "--run", name, str(given), str(told)]
        with (Path(folder) / "said").open("w+") as said:
            child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
            clock = Clock(child.pid)
            clock.start()
            try:
                child.wait(limit_s)
            except subprocess.TimeoutExpired as error:
                _end(child.pid)
                raise Failed(f"{name}: expected to be done in {limit_s:.0f} s") from error
            finally:
                clock.stop()
            said.seek(0)
            last = said.read()[-1500:]
        if child.returncode or not told.is_file():
            raise Failed(f"{name}: expected marks, got exit status {child.returncode}: {last}")
        marks = json.loads(told.read_text())
    return counted(marks, clock, setting) | {"load_before": load}


def _end(root: int) -> None:
    """Kill a process and all that it started."""
    top = psutil.Process(root)
    for process in (*top.children(recursive=True), top):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def counted(marks: list[tuple[float, float, int]], clock: Clock, setting: Setting) -> dict[str, object]:
    """The counted steps as rates. Raises Failed when there are not as many marks as steps."""
    if len(marks) != setting.warm + setting.steps + 1:
        raise Failed(f"expected {setting.warm + setting.steps + 1} steps, got {len(marks)}")
    first, last = marks[setting.warm - 1], marks[setting.warm + setting.steps - 1]
    used = clock.between(first[0], last[0])
    wall, cpu, tokens = last[0] - first[0], sum(used.values()), last[2] - first[2]
    return {
        "tokens": tokens, "wall_s": wall, "cpu_s": cpu, "per_s": tokens / wall, "per_cpu_s": tokens / cpu,
        "cpu_s_by_process": {name: round(spent, 2) for name, spent in used.items() if spent >= 0.01},
        "losses": [mark[1] for mark in marks[: setting.warm + setting.steps]],
    }  # fmt: skip
