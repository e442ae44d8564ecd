"""Whole sources left out: one guard per group of sources, fitted without it and measured on it. Resumes by folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from train import guard_card, guard_data, guard_judging
from train.guard_measures import Judged
from train.guard_rows import EDUCATIONAL, Row
from train.guard_sources import GROUPS, SCARY, SOURCES

LANGUAGES = "languages"
EPOCHS = "1"  # the shipped guard has more: what these show is a lower bound
PLAIN = "cse_prompt_injection"
FOLDS = (*GROUPS, LANGUAGES)


def folder_of(home: Path, fold: str) -> Path:
    """Where a fold's weights and judged rows lie."""
    return home / fold.replace(" ", "-")


def left_out_rows(data: Path, fold: str) -> list[Row]:
    """The rows that a fold's guard has not seen, and benign ones of sets that no guard has, for its false positives.

    For languages, the translated rows and the plain English ones that they translate.
    """
    parts = guard_data.split(data, fold)
    if fold == LANGUAGES:
        plain = [row for row in parts.of("known", "tune") if row.source == PLAIN]
        return plain + [row for row in parts.of("test") if row.language in guard_data.LEFT_OUT_LANGUAGES]
    names = {source.name for source in SOURCES if source.group == fold}
    benign = {s.name for s in SOURCES if s.split != "train" and s.intent == EDUCATIONAL and s.name not in SCARY}
    return [row for row in parts.of("test", "stop") if row.source in names | benign]


def fit(data: Path, home: Path, fold: str) -> None:
    """Fit a fold's guard in a process of its own, unless its card is there. Raises CalledProcessError."""
    folder = folder_of(home, fold)
    if (folder / "card.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "train.fit_guard", "--data", str(data), "--out", str(folder)]
    command += ["--leave-out", fold, "--num-workers", "0", "--epochs", EPOCHS]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # two threads on busy cores wait for each other
    with (folder / "fit.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=alone)


def measured(data: Path, home: Path, jobs: int) -> Iterator[tuple[str, list[Judged]]]:
    """Each fold with its left-out rows as judged, fitted `jobs` at a time; what a former run finished is read back."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(fold, pool.submit(fit, data, home, fold)) for fold in FOLDS]
        for fold, fitted in waiting:
            fitted.result()
            kept = folder_of(home, fold) / "judged.jsonl"
            if not kept.is_file():
                folder = folder_of(home, fold)
                judge = guard_judging.Judge(folder, guard_card.policy(folder))
                guard_judging.save(kept, judge.all(left_out_rows(data, fold)))
            yield fold, guard_judging.load(kept)
