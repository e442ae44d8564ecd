"""The command as a user runs it: the sandbox, the record of opened text, the dataset record, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.auth import Role
from audit import verify
from audit.checkpoint import read_checkpoint
from audit.client import AuditClient
from tests.unit.train.feedback_world import School
from tests.unit.train.test_lineage import served
from train import feedback, lineage
from train.learning import folder, recording

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def school(tmp_path) -> School:
    made = School(tmp_path / "school")
    made.asked("ada-1", "How do I harden a server?", action="REFUSE", shown="No.")
    made.agreed("ada-1", "educational", "ALLOW")
    made.asked("bob-1", "Nobody looks at this", who="bob", shown="And nobody opens it.")
    return made


@pytest.fixture(autouse=True)
def nowhere(monkeypatch) -> None:
    for name in ("PRECEPTOR_LOG", "PRECEPTOR_URL", "PRECEPTOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(school: School, *more: str, root: Path | None = None) -> int:
    keys, out = str(school.home / "keys"), str(school.out)
    return feedback.main([str(root or school.root), "--keys", keys, "--out", out, *more])


def test_it_opens_text_by_the_one_door_and_shows_none(school, capsys) -> None:
    assert run(school, "--reader", "grace") == 0
    shown = capsys.readouterr()
    assert "guard_rows.jsonl" in shown.out
    assert "harden" not in shown.out + shown.err
    (row,) = school.lines("guard_rows.jsonl")
    assert row["text"] == "How do I harden a server?"
    accesses = [leaf for leaf in school.world.open("control").tail(0) if leaf["kind"] == "access"]
    assert [(leaf["fields"]["about"], leaf["fields"]["records"]) for leaf in accesses] == [("ada-1", 2)]
    before = school.files()
    assert run(school) == 0
    assert school.files() == before
    told = folder.summary(school.out)
    assert told is not None
    sizes = {read_checkpoint(note).size for note in told["read_at"].values()}
    assert sizes == {school.exchange.size, len(school.world.open("control").tail(0)) - 2}
    assert verify.main([str(school.root)]) == 0


def test_the_rows_become_one_record_of_a_log(school, tmp_path) -> None:
    told = school.build()
    with served(tmp_path / "tutor") as (tutor, url):
        for _ in range(2):
            recording.record(school.out, told, AuditClient(url, tutor.key("root", Role.ADMIN)))
        (leaf,) = [leaf for leaf in tutor.control.log.tail(0) if leaf["kind"] == "dataset"]
        with pytest.raises(lineage.NotRecorded, match="may not append records of this kind"):
            recording.record(school.out, told, AuditClient(url, tutor.key("ada", Role.LEARNER)))
        assert verify.main([str(tutor.root), "--receipt", str(school.out / "receipt.txt")]) == 0
    assert (leaf["fields"]["digest"], leaf["fields"]["rows"]) == (recording.described(told).digest, 1)
    assert leaf["fields"]["sources"][0]["licence"] == "LicenseRef-Preceptor-Terms"


def test_a_log_that_does_not_answer_is_told_after_the_files_are_made(school, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PRECEPTOR_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PRECEPTOR_API_KEY", "key")
    assert run(school) == 1
    assert "feedback: http://127.0.0.1:9: no usable answer" in capsys.readouterr().err
    assert len(school.lines("guard_rows.jsonl")) == 1


def test_it_says_what_it_expected(school, tmp_path, capsys) -> None:
    assert run(school, root=tmp_path / "none") == 2
    assert run(school, "--url", "http://127.0.0.1:9") == 1
    assert "expected a URL and a key" in capsys.readouterr().err
    assert not school.out.exists()
    school.out.mkdir(mode=0o700)
    (school.out / "feedback.json").write_text("[]")
    assert run(school) == 2
    assert "feedback.json: expected what train.feedback wrote" in capsys.readouterr().err
    for wrong in (["--means", "robot"], ["--means", ""]):
        with pytest.raises(SystemExit) as ended:
            run(school, *wrong)
        assert ended.value.code == 2
    assert "expected a list of human, import, scripted" in capsys.readouterr().err


def test_help_needs_no_log() -> None:
    command = [sys.executable, "-m", "train.feedback", "--help"]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    assert "--means" in shown.stdout
