"""Ray Data's workers find the same rows as one process."""

from pathlib import Path

from tests.unit.train.test_decontaminate import folder, run

__all__ = ["folder"]  # a fixture


def test_ray_data_finds_the_same(cluster: str, folder: Path) -> None:
    expected = run(folder)
    assert run(folder, "--num-workers", "2") == expected
