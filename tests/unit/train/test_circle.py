"""One turn of the loop: scripts that review, steps that are done once, and the page that tells what changed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.auth import Role
from tests.unit.train.test_challenge_rules import challenge, measures
from tests.unit.train.test_lineage import served
from train import loop
from train.circle import telling
from train.circle.reviewer import Reviewer, Truth
from train.circle.turning import Keys, Turn, campaign
from train.circle.tutor import StepFailed


def test_two_scripts_label_what_they_know_and_say_that_no_person_looked(tmp_path: Path) -> None:
    with served(tmp_path) as (world, url):
        asyncio.run(world.accept())
        asked = [asyncio.run(world.ask("HARMWORD")).json() for _ in range(2)]
        known, unknown = (answer["error"]["preceptor"]["request_id"] for answer in asked)
        scripts = [Reviewer(url, world.key(name, Role.REVIEWER)) for name in ("script-1", "script-2")]
        truths = {known: Truth("harmful", "REFUSE"), "not-in-the-queue": Truth("harmful", "REFUSE")}
        assert [script.label_all(truths) for script in scripts] == [1, 1]
        assert scripts[0].label_all(truths) == 0  # agreed, so nobody is asked again
        said = [leaf["fields"] for leaf in world.control.log.tail(0) if leaf["kind"] == "review"]
    labels = [one for one in said if one["decision"] == "label"]
    assert {one["means"] for one in labels} == {"scripted"}
    assert {one["about"] for one in said} == {known}
    assert unknown not in {one["about"] for one in said}


class FakeTutor:
    """Runs nothing; remembers what it was told to run."""

    url = log = "nowhere"

    def __init__(self, home: Path) -> None:
        self.home, self.ran = home, []

    def run(self, *command: str, key: str | None = None, allowed: tuple[int, ...] = (0,)) -> int:
        self.ran.append(command[0])
        if command[0] == "train.fit_guard" and not (self.home / "repaired").exists():
            raise StepFailed("fit_guard failed")
        if command[0] == "train.redteam":
            campaign_at(Path(command[command.index("--out") + 1]))
        return 0


def campaign_at(folder: Path) -> None:
    """What a campaign leaves, of one attempt."""
    made = folder / "a-campaign"
    made.mkdir(parents=True)
    row = {"request_id": "r", "label": "harmful", "expected": "REFUSE", "outcome": "held"}
    pq.write_table(pa.Table.from_pylist([row]), made / "attempts.parquet")
    (made / "report.json").write_text(json.dumps({"figures": figures(7)}))


def figures(hits: int) -> dict[str, Any]:
    return {name: {"n": 60, "hits": hits} for name in telling.SHARES}


def test_a_turn_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Reviewer, "label_all", lambda *_: 0)
    tutor = FakeTutor(tmp_path)
    turn = Turn(tutor, Keys("red", "admin", ("one", "two")), tmp_path, tmp_path, tmp_path, 10)
    with pytest.raises(StepFailed):
        turn.run(print)
    assert tutor.ran == ["train.redteam", "train.redteam", "train.feedback", "train.fit_guard"]
    (tmp_path / "repaired").touch()
    tutor.ran.clear()
    turn.run(print)
    assert tutor.ran == ["train.fit_guard", "train.challenge", "train.rollout", "train.redteam"]
    tutor.ran.clear()
    turn.run(print)
    assert tutor.ran == []


@pytest.mark.parametrize(("changed", "word"), [({}, "was promoted"), ({"attacks": ([True], [False])}, "was refused")])
def test_the_page_tells_what_changed(tmp_path: Path, changed: dict[str, Any], word: str) -> None:
    for name, hits in (("attack", 9), ("before", 12), ("after", 3)):
        campaign_at(tmp_path / name)
        (campaign(tmp_path / name) / "report.json").write_text(json.dumps({"figures": figures(hits)}))
    for name in ("challenge", "feedback"):
        (tmp_path / name).mkdir()
    files = {"guard_rows.jsonl": {"rows": 31}, "regression.jsonl": {"rows": 8}}
    (tmp_path / "feedback" / "feedback.json").write_text(json.dumps({"files": files}))
    challenge(measures(**changed)).write(tmp_path / "challenge" / "challenge.json")
    page = telling.tell(tmp_path)
    assert word in page
    assert "| guard bypass | 12 of 60 | 3 of 60 |" in page
    assert "31 rows were learnt from" in page
    assert "| disguised_attacks_held | 400 |" in page


def test_without_data_nothing_is_started(tmp_path: Path, capsys) -> None:
    assert loop.main(["--data", str(tmp_path), "--home", str(tmp_path / "home")]) == 2
    assert "expected prompts/" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
    with pytest.raises(StepFailed, match="expected one campaign, got 0"):
        campaign(tmp_path)
