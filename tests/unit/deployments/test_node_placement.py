"""The graph, spread over labelled nodes: keys and strangers' texts apart."""

from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from deployments.placement import main, placed

SERVE = Path(__file__).parents[3] / "deployments" / "serve.yaml"


def test_every_deployment_is_placed_and_serve_takes_it() -> None:
    before = yaml.safe_load(SERVE.read_text())
    after = placed(before)
    ServeDeploySchema.model_validate(after)
    where = {each["name"]: each["ray_actor_options"].pop("label_selector")["preceptor-part"]
             for each in after["applications"][0]["deployments"]}  # fmt: skip
    assert where["Gateway"] == where["AuditLog-control"] == where["AuditLog-exchange-0"] == "trusted"
    assert (where["Guard"], where["Challenger"], where["Model"]) == ("guard", "guard", "model")
    assert after == before


def test_another_place_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SERVE), "--put", "Guard=model"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    (guard,) = [each for each in printed["applications"][0]["deployments"] if each["name"] == "Guard"]
    assert guard["ray_actor_options"]["label_selector"] == {"preceptor-part": "model"}
    assert guard["ray_actor_options"]["num_cpus"] > 0


@pytest.mark.parametrize("put", ["Guard", "Guard=", "Nobody=model"])
def test_a_place_that_means_nothing_is_refused(put: str) -> None:
    assert main([str(SERVE), "--put", put]) == 2


def test_a_deployment_without_a_place_or_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Stranger"):
        placed({"applications": [{"deployments": [{"name": "Stranger"}]}]})
    assert main([str(tmp_path / "none.yaml")]) == 2
    (tmp_path / "odd.yaml").write_text("- 1")
    assert main([str(tmp_path / "odd.yaml")]) == 2
