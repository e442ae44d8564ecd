"""Ray Data's workers find the same rows as one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.train.test_decontaminate import folder, run

__all__ = ["folder"]  # a fixture


@pytest.fixture
def cluster() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def test_ray_data_finds_the_same(cluster: None, folder: Path) -> None:
    expected = run(folder)
    assert run(folder, "--num-workers", "2") == expected
