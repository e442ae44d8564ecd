"""Serve's view of the sandbox: `tests.serve.confinement` in full, in a process of its own."""

from pathlib import Path

import pytest

from deployments import landlock
from tests.serve import own_process


@pytest.mark.skipif(landlock.version() < 6, reason="not run: this kernel has no Landlock of ABI 6")
def test_a_production_model_is_ready_only_when_it_is_confined_and_stays_so_when_it_is_replaced(tmp_path: Path) -> None:
    found = own_process.run("tests.serve.confinement", tmp_path, 400)
    print(f"confined Model ready after {found['ready_s']} s")
    assert "DEPLOY_FAILED" in found["refusal"], found
    assert "is not confined" in found["refusal"]
    assert f"{found['probe']}: a connection was made" in found["refusal"]
    assert found["tokens"] == [8, 8]
    assert found["replaced"]
    assert found["status"] == "CapBnd:\t0000000000000000 NoNewPrivs:\t1 Seccomp:\t2"
