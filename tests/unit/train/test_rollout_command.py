"""Stages of a challenger over a real log and the product's HTTP surface; refusals are records too."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.auth import Role
from guards.encoder import card_digest
from tests.unit.app.conftest import World
from tests.unit.train.guard_variant import variant
from tests.unit.train.test_challenge_rules import ATTACK, challenge, measures
from tests.unit.train.test_lineage import served
from train import rollout


@dataclass
class Shop:
    """A served log, a folder for guards, and a challenger."""

    world: World
    home: Path
    log: list[str]

    def run(self, *arguments: str) -> int:
        models = [] if arguments[0] == "back" else ["--models", str(self.home / "models")]
        return rollout.main([*arguments, *models, *self.log])

    def found(self, challenger: str, champion: str = "", **changed: Any) -> str:
        path = self.home / "challenge.json"
        challenge(measures(**changed), champion or card_digest(), challenger).write(path)
        return str(path)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [leaf["fields"] for leaf in self.world.control.log.tail(0) if leaf["kind"] == kind]

    def stages(self) -> list[tuple[str, str, int | None]]:
        return [(one["model_digest"], one["stage"], one["share_ppm"])
                for one in self.records("promotion") if one["name"] == "guard"]  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(control, "STALE_AFTER_S", 600.0)  # nobody follows this log, and a guard's graph takes a while
    with served(tmp_path / "server") as (world, url):
        (tmp_path / "token").write_text(world.key("root", Role.ADMIN))
        log = ["--log", url, "--token-file", str(tmp_path / "token"), "--root", str(world.root)]
        yield Shop(world, tmp_path, log)


def test_from_shadow_over_canary_to_live_and_back(shop: Shop, tmp_path: Path) -> None:
    digest = variant(tmp_path / "new")
    new = str(tmp_path / "new")
    assert shop.run("shadow", "--guard", new) == 0
    assert sorted(path.name for path in (tmp_path / "models" / "guards" / digest).iterdir()) == [
        "card.json",
        "guard.safetensors",
    ]
    assert shop.run("canary", "--guard", new, "--challenge", shop.found(digest), "--share", "0.2") == 0
    assert shop.run("live", "--guard", new, "--challenge", shop.found(digest)) == 0
    assert shop.run("back") == 0
    assert shop.stages() == [
        (digest, "shadow", None), (digest, "canary", 200_000), (digest, "live", None), (card_digest(), "live", None),
    ]  # fmt: skip
    assert [gate["passed"] for gate in shop.records("gate")] == [True]  # said once, though asked twice
    assert shop.run("back", "--to", digest) == 0
    assert shop.stages()[-1][0] == digest


def test_a_challenger_whose_rules_do_not_hold_is_refused_on_record(shop: Shop, tmp_path: Path, capsys) -> None:
    digest = variant(tmp_path / "new")
    worse = shop.found(digest, **{ATTACK: ([True], [True] * 9 + [False])})
    assert shop.run("canary", "--guard", str(tmp_path / "new"), "--challenge", worse) == 1
    assert "attacks_held" in capsys.readouterr().err
    assert [gate["passed"] for gate in shop.records("gate")] == [False]
    assert shop.stages() == []
    assert not (tmp_path / "models").exists()


def test_papers_about_another_guard_are_refused(shop: Shop, tmp_path: Path, capsys) -> None:
    digest = variant(tmp_path / "new")
    for found in (shop.found("e" * 64), shop.found(digest, champion="e" * 64)):
        assert shop.run("live", "--guard", str(tmp_path / "new"), "--challenge", found) == 1
        assert "expected guard" in capsys.readouterr().err


def test_weights_that_cannot_be_served_go_nowhere(shop: Shop, tmp_path: Path, capsys) -> None:
    variant(tmp_path / "new")
    with (tmp_path / "new" / "guard.safetensors").open("ab") as file:
        file.write(b"x")
    assert shop.run("shadow", "--guard", str(tmp_path / "new")) == 2
    assert "expected digest" in capsys.readouterr().err
    assert shop.run("back", "--to", "e" * 64) == 2
    assert "once in force" in capsys.readouterr().err
    assert shop.stages() == []
