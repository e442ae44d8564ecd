"""How many Models the machines of a cluster have room for."""

import pytest

from deployments.autoscaling import room


def node(alive: bool = True, **resources: float) -> dict:
    return {"Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("nodes", "models"),
    [
        ([node(CPU=2.0)], 1),
        ([node(CPU=4.0)], 1),
        ([node(CPU=8.0)], 2),
        ([node(CPU=2.0), node(CPU=2.0)], 2),
        ([node(CPU=2.0), node(alive=False)], 1),
        ([node(), node(CPU=2.0)], 1),  # a head on which nothing runs
        ([node(CPU=16.0, GPU=8.0)], 8),
        ([node(CPU=0.5)], 0),
    ],
)
def test_a_model_has_a_machine_or_four_cores_or_a_gpu(nodes: list[dict], models: int) -> None:
    assert room(nodes) == models
