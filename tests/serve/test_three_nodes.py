"""The graph stands on three nodes and outlives one of them: `tests.serve.three_nodes` in full."""

from pathlib import Path

from tests.serve import own_process


def test_a_worker_is_lost_under_load_and_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = own_process.run("tests.serve.three_nodes", tmp_path, 560)
    print(f"an answer {found['back_after_s']} s after the node was lost; {found['statuses']}")
    before = found["before"]
    assert before["Guard"] == before["Model"] == ["first", "second"], before
    assert (before["Gateway"], before["AuditLog-control"]) == (["head"], ["head"])
    (left,) = {"first", "second"} - {found["lost"]}
    assert found["after"]["AuditLog-exchange-0"] == [left], found["after"]
    assert found["clean"], found
    assert found["receipts"] > 0
    assert found["answered_after"] >= 6
    assert set(found["statuses"]) <= {"200", "503"}, found["statuses"]
