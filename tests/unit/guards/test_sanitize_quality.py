"""A floor under what the shipped weights find, so that a broken tagger fails. Figures: tests.bench.sanitizer."""

import os
import random
from pathlib import Path

import pytest

from guards.sanitize import Policy, Sanitizer
from tests.bench.sanitizer_scores import Counts, count
from train import sanitizer_data
from train.sanitizer_data import Example
from train.sanitizer_slots import Names, Slots

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))
NAMES = Names(
    ("Exchange Server", "FortiOS", "Chrome", "Confluence"), ("Microsoft", "Cisco", "Adobe"), ("Emotet", "QakBot"),
    ("APT29", "Wizard Spider"), ("Process Injection", "Valid Accounts"), ("CVE-2021-44228", "CVE-2023-34362"),
)  # fmt: skip


@pytest.fixture(scope="module")
def sanitizer() -> Sanitizer:
    return Sanitizer.load()


def measured(sanitizer: Sanitizer, rows: list[Example]) -> Counts:
    masked = frozenset(label for label, act in Policy.load().acts.items() if act != "keep")
    some = random.Random(3).sample(rows, min(40, len(rows)))  # noqa: S311 - reproducible
    return count(some, lambda text: sanitizer.clean(text).spans, masked)


@pytest.mark.parametrize("split", ["test", "unseen"])
def test_our_documents_of_unseen_templates_and_of_an_unseen_kind(sanitizer: Sanitizer, split: str) -> None:
    rows = [row for row in sanitizer_data.generated(Slots(NAMES, seed=21), copies=2) if row.split == split]
    sums = measured(sanitizer, rows).figures()
    assert sums["mask_recall"] >= 0.93, sums
    assert sums["mask_precision"] >= 0.90, sums
    assert sums["typed_f1"] >= 0.75, sums


def test_presidio_sentences_of_unseen_templates(sanitizer: Sanitizer) -> None:
    if not (DATA / "pii").is_dir():
        pytest.skip("not run: no data")
    sums = measured(sanitizer, [row for row in sanitizer_data.presidio(DATA) if row.split == "test"]).figures()
    assert sums["mask_recall"] >= 0.88, sums
    assert sums["mask_precision"] >= 0.88, sums


@pytest.mark.parametrize(
    "text",
    [
        (
            "A vulnerability in the web-based management interface of Cisco Identity Services Engine (ISE) could let "
            "an unauthenticated, remote attacker conduct a cross-site scripting (XSS) attack.\n"
            "Adversaries may abuse Windows Management Instrumentation (WMI) to execute malicious commands and payloads."
        ),
        "Wizard Spider is a Russia-based financially motivated threat group, known for TrickBot and Ryuk since 2016.",
        "In the Linux kernel, this vulnerability has been resolved: drm/amd/display: Fix null check (v6.6.10).",
        "SQL injection in Code-Projects Online Shop Portal 1.0 via the parameter id of /admin/edit.php, CVE-2024-1234.",
    ],
)
def test_security_prose_stays_whole(sanitizer: Sanitizer, text: str) -> None:
    assert sanitizer.clean(text).text == text
