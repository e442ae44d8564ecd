"""What the settings make of the Model's sandbox, and that the shipped graph starts the Model in it."""

from pathlib import Path

import pytest
import yaml

from app.sandbox import demands
from app.settings import Settings
from deployments.egress import OUTSIDE

ROOT = Path(__file__).resolve().parents[3]


def test_production_requires_what_a_laptop_is_only_told(tmp_path) -> None:
    assert not demands(Settings(home=tmp_path)).required
    assert demands(Settings(home=tmp_path, mode="production")).required


def test_probes_of_the_settings_come_on_top_of_those_that_are_always_tried(tmp_path) -> None:
    found = demands(Settings(home=tmp_path, confinement_probes=("tcp://10.0.0.5:5432",)))
    assert [str(address) for address in found.outside] == [*OUTSIDE, "tcp://10.0.0.5:5432"]
    with pytest.raises(ValueError, match="probe"):
        demands(Settings(home=tmp_path, confinement_probes=("10.0.0.5",)))


def test_keys_and_log_are_private_and_a_log_elsewhere_is_no_folder(tmp_path) -> None:
    here = demands(Settings(home=tmp_path))
    assert {tmp_path / "keys", tmp_path / "keys" / "log.key", tmp_path / "audit"} <= set(here.private)
    assert here.fixed == (tmp_path, tmp_path / "models")
    there = demands(Settings(home=tmp_path, log="s3://bucket/audit"))
    assert tmp_path / "audit" not in there.private


def test_the_shipped_graph_confines_the_model_and_takes_it_offline() -> None:
    config = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    (model,) = (each for each in config["applications"][0]["deployments"] if each["name"] == "Model")
    assert model["ray_actor_options"]["runtime_env"] == {
        "py_executable": "python -m deployments.confined_worker",
        "env_vars": {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
    }
