"""`cluster.yaml` is what Ray's launcher takes, and starts nothing without a token."""

import json
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "cluster.yaml").read_text())
STARTS = ("head_start_ray_commands", "worker_start_ray_commands")


def test_it_fits_the_schema_of_the_installed_ray() -> None:
    schema = Path(ray.__file__).with_name("autoscaler") / "ray-schema.json"
    assert jsonschema.Draft7Validator(json.loads(schema.read_text())).is_valid(CONFIG)


def test_every_worker_has_an_address() -> None:
    assert CONFIG["max_workers"] == len(CONFIG["provider"]["worker_ips"])


@pytest.mark.parametrize("start", STARTS)
def test_every_node_wants_the_token_and_reports_no_usage(start: str) -> None:
    (command,) = CONFIG[start]
    assert "RAY_AUTH_MODE=token" in command
    assert "RAY_USAGE_STATS_ENABLED=0" in command
    assert "--disable-usage-stats" in command
    assert "ray stop" not in command
