"""The launcher's files are what Ray takes, and start nodes by deployments/node.sh alone."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "cluster.yaml", *sorted((ROOT / "deployments" / "clusters").glob("*.yaml"))]
STARTS = {"head_start_ray_commands": "head", "worker_start_ray_commands": "worker"}
SCHEMA = json.loads((Path(ray.__file__).with_name("autoscaler") / "ray-schema.json").read_text())


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_fits_the_schema_of_the_installed_ray(path: Path) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(load(path))


@pytest.mark.parametrize("change", [{"max_worker": 2}, {"provider": {"kind": "local"}}, {"auth": {"ssh_user": 1}}])
def test_the_schema_sees_a_mistake(change: dict[str, Any]) -> None:
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(load(FILES[0]) | change)


def test_every_worker_has_an_address() -> None:
    config = load(FILES[0])
    assert config["max_workers"] == len(config["provider"]["worker_ips"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("start", STARTS)
def test_every_node_starts_by_the_script_and_nobody_is_stopped(path: Path, start: str) -> None:
    (command,) = load(path)[start]
    assert f"deployments/node.sh {STARTS[start]}" in command
    assert "ray stop" not in command


def test_nothing_of_the_cloud_is_open_by_default() -> None:
    config = load(ROOT / "deployments" / "clusters" / "aws.yaml")
    assert config["provider"]["use_internal_ips"] is True
    assert "@sha256:" in config["docker"]["image"]
    assert {"--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(config["docker"]["run_options"])
    for node in config["available_node_types"].values():
        assert node["node_config"]["MetadataOptions"]["HttpTokens"] == "required"
        assert all(disk["Ebs"]["Encrypted"] for disk in node["node_config"]["BlockDeviceMappings"])
