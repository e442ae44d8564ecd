"""What a start writes into the control log: once at the beginning, then only what an upgrade changed."""

from dataclasses import replace
from pathlib import Path

from app.founding import bring_up_to_date, shipped_records
from app.settings import Settings
from audit.init import begin
from audit.keys import load
from audit.log import Log
from deployments.embedded import ModelFolder


def kinds(home: Path) -> list[str]:
    return [leaf["kind"] for leaf in Log.open(home / "audit" / "control", load(home / "keys")).tail(0)]


def test_an_upgrade_is_recorded_and_an_unchanged_start_is_not(tmp_path: Path) -> None:
    settings, said = Settings(home=tmp_path), []
    records = shipped_records(ModelFolder("tiny", tmp_path, {"model.safetensors": "a" * 64}))
    begin(settings.audit, settings.keys, "test", 1, records)
    before = kinds(tmp_path)
    assert before.count("promotion") == before.count("policy") == 1
    bring_up_to_date(settings, records, said.append)
    assert (kinds(tmp_path), said) == (before, [])
    promotion, policy = records
    newer = replace(promotion, request_id="newer", fields=dict(promotion.fields) | {"model_digest": "b" * 64})
    bring_up_to_date(settings, [newer, policy], said.append)
    assert kinds(tmp_path) == [*before, "promotion"]
    assert said == ["recording what changed: promotion"]
