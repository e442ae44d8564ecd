"""The same set comes out of Ray Data's workers as out of one process."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.train import knowledge_fixture
from train.teaching import build
from train.teaching.licences import Terms


class Cleaned:
    spans: tuple[tuple[int, int, str], ...] = ((0, 1, "X"),)

    def __init__(self, text: str) -> None:
        self.text = text.upper()


class Loud:
    digest = "loud 1"

    def clean(self, text: str) -> Cleaned:
        return Cleaned(text)


def loud(key: bytes, known: Sequence[str]) -> Loud:
    return Loud()


@pytest.fixture
def by_value(cluster: str) -> None:
    """Workers cannot import this module, so they are sent it."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_ray_data_makes_the_same_bytes(by_value, tmp_path: Path):
    root = knowledge_fixture.write(tmp_path / "knowledge")
    register = dict.fromkeys(knowledge_fixture.records(), Terms("MIT", "open"))
    plan = build.Plan(str(root), str(tmp_path / "here"), register, 600, b"key", None, 0, loud)
    build.build(plan)
    build.build(replace(plan, out=str(tmp_path / "ray"), workers=2))
    first, second = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
                     for name in ("here", "ray"))  # fmt: skip
    assert first == second
    assert first
