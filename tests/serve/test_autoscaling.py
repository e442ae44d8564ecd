"""Load brings a second Model, its end takes it away again, and nobody's answer is lost on either way."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.autoscaling import PUSHED, Timeline
from tests.serve.clients import Clients, is_clean, look
from tests.serve.conftest import Running, start, stop

UP_WITHIN_S, DOWN_WITHIN_S = 120.0, 120.0  # a Model hashes and loads its weights first; one that goes ends its streams


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Running]:
    started = start(tmp_path / "home", module="tests.serve.autoscaling", **PUSHED)  # type: ignore[arg-type]
    yield started
    stop(started)


def test_models_come_with_the_load_and_go_with_it(quick: Running, tmp_path: Path) -> None:
    with Timeline(quick) as timeline:
        assert timeline.wait_for(1, 30)
        with Clients(quick, 6, (16,)) as many:
            up = timeline.wait_for(2, UP_WITHIN_S)
        with Clients(quick, 1, (16,)) as one:
            down = timeline.wait_for(1, DOWN_WITHIN_S)
    kept = [*many.kept, *one.kept]
    print(f"two Models after {up - many.kept[0].asked_at:.0f} s, one again {down - one.kept[0].asked_at:.0f} s after")
    assert Counter(each.status for each in kept).keys() == {200}
    assert all(each.receipts for each in kept), "an answer broke off"
    found = look(quick, kept, tmp_path / "receipts")
    assert is_clean(found), found
    assert found["receipts"] == len(kept)
