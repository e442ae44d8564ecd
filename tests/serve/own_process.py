"""A module of these tests that starts a Ray cluster of its own, in a process of its own: no other Ray is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.serve.conftest import ROOT

# Ray gives a node 30 s to come up, its dashboard 60 s, and each part of that 30 s: too few on a busy machine.
PATIENT = {"RAY_raylet_start_wait_time_s": "150", "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "150",
           "RAY_DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT": "120"}  # fmt: skip


def run(module: str, home: Path, timeout: float) -> dict[str, Any]:
    """What it found: the JSON object that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, str(home)],
        cwd=ROOT, env=os.environ | PATIENT, text=True, capture_output=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found
