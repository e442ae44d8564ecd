"""What a start writes into the control log: once at the beginning, then only what an upgrade changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app import shipped
from app.founding import bring_up_to_date, shipped_records
from app.settings import Settings
from audit.init import begin
from audit.keys import load
from audit.log import Log
from audit.record import Entry, Kind
from deployments.adapter import joined
from deployments.embedded import ModelFolder
from deployments.promoted import ADAPTERS, Promotion


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


def tiny(home: Path) -> ModelFolder:
    return ModelFolder("tiny", home, {"model.safetensors": "a" * 64})


def ship(shipped_to: Path, base: str, tensors: bytes = b"tensors") -> Path:
    """An adapter as a version ships it."""
    folder = shipped_to / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(tensors)
    run = {"name": "first", "base": {"name": "tiny", "digest": base}, "dataset": {"name": "teach", "digest": "d" * 64}}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "evaluation.json").write_text("{}")
    return folder


def promotions(home: Path) -> list[dict]:
    log = Log.open(home / "audit" / "control", load(home / "keys"))
    return [leaf for leaf in log.tail(0) if leaf["kind"] == "promotion"]


def test_a_shipped_adapter_is_put_in_place_and_promoted_with_its_papers(tmp_path: Path) -> None:
    base, models = tiny(tmp_path), tmp_path / "models"
    ship(tmp_path / "shipped", base.digest)
    adapter = shipped.find("tiny", tmp_path / "shipped")
    adapter.place(models)
    begin(tmp_path / "audit", tmp_path / "keys", "test", 1, shipped_records(base, adapter))
    (leaf,) = promotions(tmp_path)
    promotion = Promotion(leaf)
    assert promotion.is_of(base)
    promotion.adapter(models).check()
    assert leaf["fields"]["model_digest"] == joined(base.digest, adapter.folder.digest)
    assert (leaf["fields"]["dataset_digest"], leaf["fields"]["gate"]) == ("d" * 64, adapter.gate)
    assert (models / ADAPTERS / adapter.folder.digest / "evaluation.json").exists()


def test_a_shipped_adapter_that_was_changed_where_it_lies_is_put_in_place_again(tmp_path: Path) -> None:
    ship(tmp_path / "shipped", "b" * 64)
    adapter, models = shipped.find("tiny", tmp_path / "shipped"), tmp_path / "models"
    adapter.place(models)
    there = models / ADAPTERS / adapter.folder.digest
    (there / "receipt.txt").write_text("kept")
    adapter.place(models)
    assert (there / "receipt.txt").exists()
    (there / "adapter_model.safetensors").write_bytes(b"changed")
    adapter.place(models)
    assert (there / "adapter_model.safetensors").read_bytes() == b"tensors"
    assert [path.name for path in there.parent.iterdir()] == [adapter.folder.digest]


def test_no_adapter_ships_for_an_unknown_model_and_half_a_one_is_named(tmp_path: Path) -> None:
    assert shipped.find("tiny", tmp_path / "shipped") is None
    folder = ship(tmp_path / "shipped", "b" * 64)
    (folder / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"run\.json"):
        shipped.find("tiny", tmp_path / "shipped")
    ship(tmp_path / "shipped", "b" * 64)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        shipped.find("tiny", tmp_path / "shipped")


def test_an_upgrade_replaces_what_shipped_before_but_not_what_an_operator_chose(tmp_path: Path) -> None:
    settings, base, said = Settings(home=tmp_path), tiny(tmp_path), []

    def upgrade(tensors: bytes) -> None:
        ship(tmp_path / "shipped", base.digest, tensors)
        bring_up_to_date(settings, shipped_records(base, shipped.find("tiny", tmp_path / "shipped")), said.append)

    begin(settings.audit, settings.keys, "test", 1, shipped_records(base))
    upgrade(b"second version")
    upgrade(b"second version")
    fields = promotions(tmp_path)[0]["fields"]
    other = Entry.operational(Kind.promotion, fields | {"name": "other"}, actor="operator")
    chosen = Entry.operational(Kind.promotion, fields, actor="operator")  # a rollback to the base, over HTTP
    log = Log.open(tmp_path / "audit" / "control", load(tmp_path / "keys"))
    log.append([other])
    upgrade(b"third version")  # another model of the operator's is none of its business
    assert [leaf["fields"]["name"] for leaf in promotions(tmp_path)] == ["tiny", "tiny", "other", "tiny"]
    log.append([chosen])
    said.clear()
    upgrade(b"third version")
    upgrade(b"fourth version")
    assert [leaf["request_id"] for leaf in promotions(tmp_path)[4:]] == [chosen.request_id]
    assert said == ["tiny: what an operator promoted stays active"] * 2
