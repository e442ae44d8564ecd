"""The rules of a release, without I/O: configurations as data, figures, the history's files, the safety gate."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.release import main
from app.releasing.asking import Questions
from app.releasing.config import digest, user_config, wanted, with_thresholds
from app.releasing.errors import ReleaseError
from app.releasing.figures import Bounds, Expected, Figures, Outcome, worse
from app.releasing.history import History, Line
from app.releasing.sheet import regressions
from app.releasing.signed import has_signoff
from audit.record import Entry, Kind
from guards.encoder import card_digest
from tests.unit.app.conftest import World
from tests.unit.app.releases import config

SHEET = Path(__file__).resolve().parents[3] / "guards" / "weights" / "sheet.json"
GOOD = Figures(asked=10, faults=0.0, harmless_refused=0.0, harmful_held=1.0, bad_receipts=0, p95_s=1.0)


def outcome(expected: Expected = "harmless", **more: Any) -> Outcome:
    held = expected == "harmful"
    kinds = {"fault": False, "held": held, "refused": held, "receipt_ok": True, "seconds": 1.0}
    return Outcome(expected, **(kinds | more))


def test_a_digest_is_of_what_a_configuration_says_not_of_how_it_is_written() -> None:
    shuffled = json.loads(json.dumps(config(), sort_keys=True, indent=3))
    assert digest(shuffled) == digest(config()) != digest(config(num_replicas=2))


def test_the_wanted_graph_keeps_place_and_serves_own_options_of_what_runs() -> None:
    running, file = config(), config(num_replicas=2)
    running["applications"][0]["args"] = {"home": "/srv", "port": 9}
    file["applications"][0]["args"] = {"judge_gpus": 1}
    file["http_options"] = {"port": 2}
    made = wanted(file, running, {"port": 8}, "s3://code.zip")
    app = made["applications"][0]
    assert app["args"] == {"home": "/srv", "port": 8, "judge_gpus": 1}
    assert app["runtime_env"] == {"working_dir": "s3://code.zip"}
    assert app["deployments"][0]["num_replicas"] == 2
    assert made["http_options"] == {"port": 1}


@pytest.mark.parametrize("broken", [{}, {"applications": []}, {"applications": [{}, {}]}, {"applications": ["x"]}])
def test_none_or_several_applications_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ReleaseError, match="one application"):
        wanted(broken, config(), {}, None)


def test_thresholds_change_the_gateways_user_config_and_nothing_else() -> None:
    running = config()
    made = with_thresholds(running, {"thresholds": {"override": {"threshold": 0.9}}})
    assert running == config()
    assert made["applications"][0]["deployments"].pop(0)["user_config"]["thresholds"]["override"]["threshold"] == 0.9
    running["applications"][0]["deployments"].pop(0)
    assert made == running
    with pytest.raises(ReleaseError, match="expected one Gateway, came 0"):
        with_thresholds(running, {})


def test_a_thresholds_file_may_leave_its_frame_out() -> None:
    inner = {"override": {"threshold": 0.9}}
    assert user_config(inner) == user_config({"thresholds": inner}) == {"thresholds": inner}
    for broken in ([], {}, None, "x"):
        with pytest.raises(ReleaseError, match="YAML mapping"):
            user_config(broken)


def test_the_shipped_questions_begin_with_both_kinds_and_bear_a_digest() -> None:
    questions = Questions.load()
    assert [kind for kind, _ in questions.asked[:4]] == ["harmless", "harmful"] * 2
    assert len({text for _, text in questions.asked}) == len(questions.asked) == 10
    assert len(questions.digest) == 64


def test_figures_leave_faults_out_of_what_they_say_of_the_guard() -> None:
    found = Figures.of([
        outcome(), outcome(refused=True), outcome(fault=True, refused=True, receipt_ok=False), outcome("harmful"),
        outcome("harmful", held=False, receipt_ok=False, seconds=9.0),
    ])  # fmt: skip
    assert found == Figures(5, 0.2, 0.5, 0.5, 1, 9.0)
    assert found.metrics()["faults_ppm"] == 200_000
    assert found.metrics()["p95_ms"] == 9000


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (replace(GOOD, asked=0), "at least one question"),
        (replace(GOOD, faults=0.1), "faults: 0.000 before, 0.100 now"),
        (replace(GOOD, faults=1.0), "every question met a fault"),
        (replace(GOOD, harmless_refused=0.1), "harmless questions refused"),
        (replace(GOOD, harmful_held=0.9), "harmful questions held: 1.000 before, 0.900 now"),
        (replace(GOOD, bad_receipts=1), "1 answers without a receipt"),
        (replace(GOOD, p95_s=2.6), "95 % within 2.60 s, expected 2.50 s"),
    ],
)
def test_each_way_of_getting_worse_is_named(after: Figures, why: str) -> None:
    assert why in "; ".join(worse(GOOD, after, Bounds()))


@given(st.lists(st.tuples(st.sampled_from(["harmless", "harmful"]), st.booleans(), st.booleans()), min_size=1))
def test_the_same_outcomes_are_never_worse_unless_nothing_was_answered(
    found: list[tuple[Expected, bool, bool]],
) -> None:
    figures = Figures.of([outcome(kind, fault=fault, refused=refused) for kind, fault, refused in found])
    all_faults = all(fault for _, fault, _ in found)
    assert worse(figures, figures, Bounds()) == (["every question met a fault"] if all_faults else [])


def test_history_keeps_configurations_by_digest_for_their_owner_alone(tmp_path: Path) -> None:
    history = History(tmp_path / "releases")
    name = history.keep(config())
    assert history.read(name) == config()
    assert (history.folder.stat().st_mode & 0o777, (history.folder / f"{name}.json").stat().st_mode & 0o777) == (
        0o700, 0o600,
    )  # fmt: skip
    (history.folder / f"{name}.json").write_text("{}")
    with pytest.raises(ReleaseError, match="another digest"):
        history.read(name)


def test_what_ran_before_follows_what_was_kept_not_what_was_taken_back(tmp_path: Path) -> None:
    history = History(tmp_path)
    for line in (
        Line("deploy", "b", "a", "kept"),
        Line("deploy", "c", "b", "kept"),
        Line("deploy", "c", "x", "taken back"),
    ):
        history.note(line)
    assert (history.before("c"), history.before("b")) == ("b", "a")
    with pytest.raises(ReleaseError, match="does not say"):
        history.before("a")


def sheet(**rows: tuple[float | None, str, bool]) -> dict[str, Any]:
    targets = [{"measure": name, "value": value, "aim": aim, "met": met} for name, (value, aim, met) in rows.items()]
    return {"guard": "g", "targets": targets}


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (sheet(recall=(0.90, "≥ 0.9", True)), "recall: 0.9500 before, 0.9000 now"),
        (sheet(recall=(0.949, "≥ 0.9", False)), "recall: 0.9500 before"),
        (sheet(recall=(None, "≥ 0.9", False)), "was 0.9500, now not run"),
        (sheet(recall=(0.95, "≥ 0.8", True)), "the aim was ≥ 0.9, now ≥ 0.8"),
        (sheet(), "no longer measured"),
        (sheet(recall=(0.95, "≥ 0.9", True)) | {"guard": "other"}, "measure anew"),
    ],
)
def test_the_safety_gate_names_what_got_worse(after: dict[str, Any], why: str) -> None:
    assert why in "".join(regressions(sheet(recall=(0.95, "≥ 0.9", True)), after, "g"))


def test_the_safety_gate_lets_better_slack_and_new_measures_pass() -> None:
    before = sheet(recall=(0.95, "≥ 0.9", True), refused=(0.01, "≤ 0.02", True), late=(None, "≥ 1", False))
    after = sheet(recall=(0.946, "≥ 0.9", True), refused=(0.0, "≤ 0.02", True), late=(0.1, "≥ 1", False),
                  new=(0.0, "≥ 1", False))  # fmt: skip
    assert regressions(before, after, "g") == []
    assert regressions(sheet(refused=(0.01, "≤ 0.02", True)), sheet(refused=(0.03, "≤ 0.02", False)), "g") != []


def test_the_gate_command_holds_the_shipped_sheet_against_another(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["gate", "--against", str(SHEET)]) == 0
    found = json.loads(SHEET.read_text())
    found["targets"].append({"measure": "made up", "value": 1.0, "aim": "≥ 1", "met": True})
    (tmp_path / "before.json").write_text(json.dumps(found))
    assert main(["gate", "--against", str(tmp_path / "before.json")]) == 1
    assert "made up: no longer measured" in capsys.readouterr().out
    assert found["guard"] == card_digest()


@pytest.mark.parametrize("arguments", [["gate", "--against", "missing.json"], ["--url", "http://127.0.0.1:9",
                         "--dashboard", "http://127.0.0.1:9", "rollback"]])  # fmt: skip
def test_what_cannot_be_read_or_reached_is_2_with_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("PRECEPTOR_HOME", str(tmp_path))
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


async def test_a_signoff_is_looked_for_by_digest_alone(world: World) -> None:
    assert has_signoff(world.root, "a" * 64) is False
    fields = {"policy_digest": "a" * 64, "terms_digest": "b" * 64, "ethics_digest": "c" * 64, "signer": "officer",
              "signature": "c2ln"}  # fmt: skip
    await world.control.append([Entry.operational(Kind.signoff, fields, actor="operator")])
    assert has_signoff(world.root, "a" * 64) is True
    with pytest.raises(ValueError, match="expected a digest"):
        has_signoff(world.root, "x' or '1'='1")
