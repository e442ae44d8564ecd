"""A whole node is lost with the writer on it, and the log is in an object store: `tests.serve.node_loss` in full."""

from pathlib import Path

from tests.serve import own_process


def test_a_writer_returns_on_another_node_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Ray is not restarted."""
    found = own_process.run("tests.serve.node_loss", tmp_path, 400)
    print(f"writer back {found['back_after_loss_s']} s after its node was lost, {found['back_after_join_s']} s after "
          "another joined")  # fmt: skip
    assert (found["lost"], found["twice"], found["verified"]) == (0, 0, True), found
    assert found["receipts_valid"] == found["acknowledged_before"] + found["acknowledged_after"]
    assert min(found["acknowledged_before"], found["acknowledged_after"]) > 10, found
