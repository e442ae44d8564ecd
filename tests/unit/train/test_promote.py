"""Promotion: over a real log and the product's HTTP surface, all of it or nothing; refusals and rollbacks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard

from app.auth import Role
from audit import verify
from audit.client import AuditClient
from audit.errors import RemoteError
from audit.receipt import Receipt
from deployments.adapter import open_adapter
from tests.unit.app.conftest import World
from tests.unit.train.promotion_fixture import DATASET, NAME, Site, measures, worse
from tests.unit.train.test_lineage import served
from train import promote
from train.promotion import recording, signature

PAPERS = ["README.md", "adapter_config.json", "adapter_model.safetensors", "evaluation.json", "evaluation.svg",
          "loss.svg", "ml-bom.cdx.json", "model.sig", "provenance.intoto.json", "run.json"]  # fmt: skip


@dataclass
class Shop:
    """A site with a log that is served, in which the base alone was promoted."""

    site: Site
    world: World
    log: list[str]

    def run(self, *arguments: str) -> int:
        return promote.main([*arguments, *self.log])

    def promote(self, adapter: Path, evaluation: Path) -> int:
        return self.run(*self.site.command(adapter, evaluation))

    def roll_back(self, *more: str) -> int:
        return self.run("--rollback", "--name", NAME, "--models", str(self.site.models), *more)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [leaf["fields"] for leaf in self.world.control.log.tail(0) if leaf["kind"] == kind]

    def active(self) -> list[str]:
        """The models that were made active under the site's name, in order."""
        return [fields["model_digest"] for fields in self.records("promotion") if fields["name"] == NAME]

    def shelf(self) -> list[str]:
        folder = self.site.models / "adapters"
        return sorted(path.name for path in folder.iterdir() if path.name != "receipts") if folder.exists() else []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with served(tmp_path / "server") as (world, url):
        (tmp_path / "token").write_text(world.key("root", Role.ADMIN))
        site = Site(tmp_path)
        fields = {"name": NAME, "model_digest": site.base.digest, "base": NAME, "adapter_digest": None,
                  "weights": site.base.files}  # fmt: skip
        (receipt,) = world.control.log.append([recording.promotion_entry(fields, -1)])
        assert isinstance(receipt, Receipt), receipt
        yield Shop(site, world, ["--log", url, "--token-file", str(tmp_path / "token"), "--root", str(world.root)])


def test_an_adapter_that_passed_its_gate_is_signed_placed_and_recorded(shop: Shop) -> None:
    adapter = shop.site.adapter()
    assert shop.promote(adapter, shop.site.evaluation(adapter)) == 0
    digest, model = open_adapter(adapter).digest, shop.site.model_digest(adapter)
    folder = shop.site.models / "adapters" / digest
    assert sorted(path.name for path in folder.iterdir()) == PAPERS
    signature.verify(folder, shop.site.home / "key.pub")
    (gate,) = shop.records("gate")
    assert (gate["candidate"], gate["passed"]) == (model, True)
    assert gate["metrics"]
    promotion = shop.records("promotion")[-1]
    assert promotion["weights"] == shop.site.base.files | open_adapter(adapter).files
    told = {
        name: promotion[name] for name in ("name", "base", "model_digest", "adapter_digest", "dataset_digest", "gate")
    }
    assert told == {"name": NAME, "base": NAME, "model_digest": model, "adapter_digest": digest,
                    "dataset_digest": DATASET, "gate": gate["name"]}  # fmt: skip
    receipts = list((shop.site.models / "adapters" / "receipts" / model).iterdir())
    assert sorted(path.name.split("-")[0] for path in receipts) == ["gate", "promotion"]
    for path in receipts:
        assert verify.main([str(shop.world.root), "--receipt", str(path)]) == 0


def test_the_papers_hold_before_their_formats_libraries_and_never_change(shop: Shop, tmp_path: Path) -> None:
    adapter = shop.site.adapter()
    evaluation = shop.site.evaluation(adapter)
    made = []
    for name in ("one", "two"):
        assert promote.main([*shop.site.command(adapter, evaluation), "--only-sign", str(tmp_path / name)]) == 0
        files = sorted((tmp_path / name).iterdir())
        assert [path.name for path in files] == PAPERS
        made.append({path.name: path.read_bytes() for path in files if path.name != "model.sig"})
    assert made[0] == made[1]
    assert shop.active() == [shop.site.base.digest]
    bom = made[0]["ml-bom.cdx.json"].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom) is None
    told = json.loads(bom)
    assert told["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"] == [{"ref": "dataset:a-set"}]
    assert {each["bom-ref"] for each in told["components"]} == {f"base:{NAME}", "dataset:a-set"}
    provenance = json.loads(made[0]["provenance.intoto.json"])
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    materials = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [each["name"] for each in materials] == [f"base:{NAME}", "plan", "source", "dataset:a-set"]
    assert provenance["predicate"]["buildDefinition"]["externalParameters"]["plan"]["rank"] == 16
    assert b"&id" not in made[0]["README.md"]
    card = ModelCard(made[0]["README.md"].decode())
    assert (card.data.license, card.data.base_model, card.data.datasets) == ("apache-2.0", NAME, ["a-set"])
    assert card.data.eval_results
    assert f"python -m train.finetune --model {NAME} --data DIR --name first" in card.text


def test_to_promote_twice_changes_nothing_and_after_a_rollback_it_is_a_new_record(shop: Shop) -> None:
    adapter = shop.site.adapter()
    evaluation = shop.site.evaluation(adapter)
    base, model = shop.site.base.digest, shop.site.model_digest(adapter)
    assert shop.promote(adapter, evaluation) == 0
    folder = shop.site.models / "adapters" / open_adapter(adapter).digest
    before = (folder / "model.sig").read_bytes()
    assert shop.promote(adapter, evaluation) == 0
    assert shop.active() == [base, model]
    assert len(list((folder.parent / "receipts" / model).iterdir())) == 2
    assert (folder / "model.sig").read_bytes() == before
    assert shop.roll_back() == 0
    assert shop.promote(adapter, evaluation) == 0
    assert shop.roll_back("--to", "base") == 0
    assert shop.roll_back("--to", model) == 0
    assert shop.active() == [base, model, base, model, base, model]
    assert len(shop.records("gate")) == 1


def test_a_rollback_goes_back_step_by_step_and_only_to_files_that_are_still_whole(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shop.site.adapter("first"), shop.site.adapter("second")
    assert shop.promote(first, shop.site.evaluation(first)) == 0
    assert shop.promote(second, shop.site.evaluation(second)) == 1
    assert f"against the active model {shop.site.model_digest(first)}" in capsys.readouterr().err
    assert shop.promote(second, shop.site.evaluation(second, champion=first)) == 0
    weights = shop.site.models / "adapters" / open_adapter(first).digest / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"?")
    known = shop.active()
    assert shop.roll_back() == 2
    assert "adapter_model.safetensors: expected sha256" in capsys.readouterr().err
    assert shop.active() == known
    weights.write_bytes(whole)
    assert (shop.roll_back(), shop.roll_back(), shop.roll_back()) == (0, 0, 2)
    assert "expected an earlier promotion to go back to" in capsys.readouterr().err
    assert shop.active() == [*known, shop.site.model_digest(first), shop.site.base.digest]


def _log(shop: Shop) -> recording.ControlLog:
    return recording.ControlLog(AuditClient("http://unused", "key"), shop.world.root)


def spoilt(site: Site, what: str) -> tuple[Path, Path]:
    """An adapter and an evaluation, one of them not what it should be."""
    adapter = site.adapter("first", base="b" * 64 if what == "base" else None)
    evaluation = site.evaluation(adapter)
    if what == "adapter":
        weights = adapter / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    elif what == "another's evaluation":
        evaluation = site.evaluation(site.adapter("second"))
    elif what == "dataset":
        evaluation = site.evaluation(adapter, dataset_digest="e" * 64)
    elif what == "model":
        told = {"adapter_digest": open_adapter(adapter).digest, "model_digest": "f" * 64}
        evaluation = site.evaluation(adapter, candidate=told)
    return adapter, evaluation


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("adapter", "run.json: adapter: expected the digest"),
        ("base", "run.json: base: expected the digest"),
        ("another's evaluation", "evaluation.json: adapter: expected the digest"),
        ("dataset", f"evaluation.json: dataset: expected the digest {DATASET}, got eeee"),
        ("model", "evaluation.json: model: expected the digest"),
    ],
)
def test_papers_about_different_things_are_refused_and_the_refusal_is_a_record(
    shop: Shop, what: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, evaluation = spoilt(shop.site, what)
    assert shop.promote(adapter, evaluation) == 1
    assert message in capsys.readouterr().err
    (gate,) = shop.records("gate")
    told = {name: gate[name] for name in ("candidate", "passed", "metrics")}
    assert told == {"candidate": shop.site.model_digest(adapter), "passed": False, "metrics": {}}
    assert (shop.shelf(), shop.active()) == ([], [shop.site.base.digest])


def test_a_gate_that_was_missed_is_refused_whatever_the_file_says_of_itself(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = shop.site.adapter()
    for change, message in (
        ({"measures": worse()}, "relations: must improve: expected an improvement over 0, found a gain of -0.2"),
        ({"measures": measures()[1:]}, "relations: expected this measure, found none"),
        ({"passed": False, "reasons": ["no luck"]}, "evaluation.json: not passed: no luck"),
    ):
        evaluation = shop.site.evaluation(adapter, **change)
        assert shop.promote(adapter, evaluation) == 1
        assert f"promote: refused: {message}" in capsys.readouterr().err
    assert [gate["passed"] for gate in shop.records("gate")] == [False, False, False]
    assert all(gate["metrics"] for gate in shop.records("gate"))
    assert promote.main([*shop.site.command(adapter, evaluation), "--only-sign", str(shop.site.home / "out")]) == 1
    assert not (shop.site.home / "out").exists()
    assert (shop.shelf(), shop.active()) == ([], [shop.site.base.digest])


def test_without_a_log_that_answers_nothing_is_promoted(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = shop.site.adapter()
    evaluation = shop.site.evaluation(adapter)
    token = shop.site.home / "learner"
    token.write_text(shop.world.key("ada", Role.LEARNER))
    command, (_, url, _, admin, *root) = shop.site.command(adapter, evaluation), shop.log
    for log, message in (
        (["--log", "http://127.0.0.1:9", "--token-file", admin], "127.0.0.1:9: no usable answer"),
        (["--log", url, "--token-file", str(token)], "may not append records of this kind"),
    ):
        assert promote.main([*command, *log, *root]) == 1
        assert message in capsys.readouterr().err
        assert (shop.shelf(), shop.active()) == ([], [shop.site.base.digest])
    assert promote.main([*command, "--log", url, "--token-file", admin, "--root", str(shop.site.home)]) == 2
    shop.world.control.down = True
    assert shop.promote(adapter, evaluation) == 1
    shop.world.control.down = False
    assert (shop.shelf(), shop.active()) == ([], [shop.site.base.digest])
    assert shop.promote(adapter, evaluation) == 0


def test_of_two_promotions_at_once_one_is_taken_and_the_other_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shop.site.adapter("first"), shop.site.adapter("second")
    evaluation = shop.site.evaluation(second)
    known = recording.ControlLog.promotions(_log(shop), NAME)
    assert shop.promote(first, shop.site.evaluation(first)) == 0
    monkeypatch.setattr(recording.ControlLog, "promotions", lambda *_: known)
    assert shop.promote(second, evaluation) == 1
    assert "NotLast" in capsys.readouterr().err
    assert shop.shelf() == [open_adapter(first).digest]
    assert shop.active()[-1] == shop.site.model_digest(first)


def test_an_answer_that_is_lost_on_its_way_leaves_no_doubt(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, append = shop.site.adapter(), AuditClient.append

    def lost(client: AuditClient, entries: Any) -> Any:
        results = append(client, entries)
        if entries[0].kind == "promotion":
            raise RemoteError("no usable answer: timed out")
        return results

    monkeypatch.setattr(AuditClient, "append", lost)
    assert shop.promote(adapter, shop.site.evaluation(adapter)) == 0
    assert shop.active() == [shop.site.base.digest, shop.site.model_digest(adapter)]
    assert shop.shelf() == [open_adapter(adapter).digest]


def test_when_nobody_knows_whether_the_record_was_taken_the_folder_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, append = shop.site.adapter(), AuditClient.append
    evaluation = shop.site.evaluation(adapter)

    def cut(client: AuditClient, entries: Any) -> Any:
        results = append(client, entries)
        if entries[0].kind == "promotion":
            (shop.world.root / "log.vkey").rename(shop.world.root / "away")
            raise RemoteError("no usable answer: timed out")
        return results

    with monkeypatch.context() as patched:
        patched.setattr(AuditClient, "append", cut)
        assert shop.promote(adapter, evaluation) == 1
    assert "no usable answer: timed out; and the log cannot be read" in capsys.readouterr().err
    assert shop.shelf() == [open_adapter(adapter).digest]
    (shop.world.root / "away").rename(shop.world.root / "log.vkey")
    assert shop.promote(adapter, evaluation) == 0
    assert shop.active() == [shop.site.base.digest, shop.site.model_digest(adapter)]


def test_files_that_are_not_where_the_model_looks_are_not_promoted(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = shop.site.adapter()
    evaluation = shop.site.evaluation(adapter)
    shop.site.models.rename(shop.site.home / "elsewhere")
    command = shop.site.command(adapter, evaluation)
    command[command.index("--model") + 1] = str(shop.site.home / "elsewhere" / NAME)
    assert shop.run(*command) == 2
    assert f"{NAME}/chat_template.jinja: expected a file of the promoted model" in capsys.readouterr().err
    assert (shop.shelf(), shop.records("gate"), shop.active()) == ([], [], [shop.site.base.digest])


def test_a_command_that_lacks_something_says_what(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        promote.main(["--adapter", "here"])
    assert "expected --evaluation, --model, --key, --name" in capsys.readouterr().err
