"""One Ray for all tests here that lose nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever starts a cluster of its own comes before those on the shared one: two at a time are slow."""
    here = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ordered = sorted((items[place] for place in here), key=lambda item: "cluster" in getattr(item, "fixturenames", ()))
    for place, item in zip(here, ordered, strict=True):
        items[place] = item


@pytest.fixture(scope="package")
def cluster() -> Iterator[str]:
    """Its address. It has a dashboard, which Ray Train asks; workers take one thread each."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        context = ray.init(num_cpus=2, include_dashboard=True, log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield context.address_info["gcs_address"]
        ray.shutdown()
