"""A whole node is lost with the writer on it, and the log is in an object store: `tests.serve.node_loss` in full."""

import json
import subprocess
import sys
from pathlib import Path

from tests.serve.conftest import ROOT


def test_a_writer_returns_on_another_node_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Ray is not restarted. A process of its own, so that no other Ray is touched: two clusters share no process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.serve.node_loss", str(tmp_path)],
        cwd=ROOT, text=True, capture_output=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    print(f"writer back {found['back_after_loss_s']} s after its node was lost, {found['back_after_join_s']} s after "
          "another joined")  # fmt: skip
    assert (found["lost"], found["twice"], found["verified"]) == (0, 0, True), found
    assert found["receipts_valid"] == found["acknowledged_before"] + found["acknowledged_after"]
    assert min(found["acknowledged_before"], found["acknowledged_after"]) > 10, found
