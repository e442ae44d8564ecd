"""A handful of the faults of `make prove chaos`, on the shared graph, judged by the same checker."""

from pathlib import Path

from tests.proofs.chaos import Run
from tests.proofs.chaos_checker import is_clean
from tests.proofs.chaos_clients import Clients
from tests.proofs.chaos_faults import Ground
from tests.serve.conftest import Running

SAMPLE = ("kill Guard", "link cut", "stall Gateway 2 s", "kill AuditLog-exchange-0", "kill Gateway")


def test_nothing_is_unlogged_unchecked_or_lost_in_five_faults(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    keys = [running.mint(f"chaos-{number}") for number in range(2)]
    with Clients(running.url, keys, tmp_path / "heard.jsonl", rate=0.7) as clients:
        run = Run("sample", "one", running, Ground(running.home, clients))
        for fault in SAMPLE:
            assert run.hit(fault)["back_s"] is not None, fault
    found = run.look()["checked"]
    assert is_clean(found), found
    assert found["receipts"] >= 2 * len(SAMPLE)
    running.wait_ready()
