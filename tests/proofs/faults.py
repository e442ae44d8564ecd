"""Every system call of a commit, a packing and an erasure, broken: the whole of tests/unit/audit/test_syscalls.py."""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.unit.audit.test_syscalls import FAULTS, MODES, Case, Prepared, all_faults, calls, is_harmless, sweep

STEP = 50  # faults
JOBS = 2 * (os.cpu_count() or 1)
WRONG = ("acknowledged_lost", "not_verifying", "next_append_failed", "not_finished", "acknowledged_unsynced",
         "other_error", "missed")  # fmt: skip


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


def faults(journal: Steps, count: int) -> dict[str, Any]:
    """All faults there are, or `count` of them spread evenly; steps of another sweep, of other code, do not count."""
    prepared = Prepared.make(Path(tempfile.mkdtemp(prefix="prove-")))
    swept = {mode: calls(prepared, mode) for mode in MODES}
    there = [case for found in swept.values() for case in all_faults(found)]
    cases = there[:: -(-len(there) // count)]
    name = hashlib.sha256("\n".join(map(str, cases)).encode()).hexdigest()[:12]
    done = {step["from"] for step in journal.steps if step["sweep"] == name}
    for start in sorted(set(range(0, len(cases), STEP)) - done):
        part = cases[start : start + STEP]
        journal.add({"sweep": name, "from": start} | _count(part, list(sweep(prepared, part, jobs=JOBS))))
    total = Counter[str]()
    for step in journal.steps:
        if step["sweep"] == name:
            total.update({key: value for key, value in step.items() if type(value) is int and key != "from"})
    return {
        "calls": {mode: len(found) for mode, found in swept.items()},
        "calls_that_change_something": {mode: sum(call.changes for call in found) for mode, found in swept.items()},
        "faults_there_are": len(there),
        "faults_injected": total["faults"] - total["missed"],
        **{key: total[key] for key in (*FAULTS, "acknowledged", "not_acknowledged", *WRONG)},
    }


def _count(cases: Sequence[Case], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a step, and what was wrong in words."""
    kinds = Counter(case.fault for case in cases)
    acknowledged = sum(one.get("acknowledged", False) for one in found)
    return {
        "faults": len(found),
        **{fault: kinds[fault] for fault in FAULTS},
        "acknowledged": acknowledged,
        "not_acknowledged": len(found) - acknowledged,
        **{key: sum(key in one for one in found) for key in WRONG},
        "harmful": [one for one in found if not is_harmless(one)],
    }
