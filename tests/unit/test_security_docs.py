"""What docs/ci.md, docs/threat-model.md and SECURITY.md say of commands, checks, files and settings is so."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from app.doctor import main as doctor
from app.examination.checks import CHECKS
from app.release import parser
from app.releasing.steps import POLICY_WAIT_S

ROOT = Path(__file__).resolve().parents[2]
CI, THREATS = ROOT / "docs" / "ci.md", ROOT / "docs" / "threat-model.md"
PAGES = (CI, THREATS, ROOT / "SECURITY.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_and_pages_are_short(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) < 200
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.+)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_every_check_of_the_doctor_stands_in_the_table_of_doors_and_no_other() -> None:
    doors = THREATS.read_text().split("## What Ray leaves open", 1)[1].split("\n\nThe doctor", 1)[0]
    named = [set(re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])) for row in doors.splitlines() if row.startswith("| ")]
    assert set().union(*named[1:]) == {check.__name__ for check in CHECKS}


def test_every_workflow_and_every_command_of_a_release_is_told() -> None:
    text = CI.read_text()
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert f"| [{file.stem}](../.github/workflows/{file.name}) |" in text
    told = re.findall(r"`python -m app\.release ([^`]+)`", text)
    assert {words.split()[0] for words in told} == {"deploy", "rollback", "policy", "gate"}
    for words in told:
        parser().parse_args(shlex.split(words))
    options = set(re.findall(r"`(--[\w-]+)", text)) - {"--exclude-newer"}
    assert options == {"--window", "--latency", "--to", "--working-dir"}
    parser().parse_args(["deploy", "x", "--window", "1", "--latency", "1", "--working-dir", "y"])


def test_an_emergency_that_is_taken_back_is_over_within_five_minutes() -> None:
    assert POLICY_WAIT_S + 60 <= 300
    assert "more than four minutes" in CI.read_text()


def test_gitlabs_page_parses_and_runs_only_what_is_here() -> None:
    block = re.search(r"```yaml\n(# \.gitlab-ci\.yml.+?)```", CI.read_text(), re.DOTALL)
    assert block is not None
    pipeline = yaml.safe_load(block[1])
    stages, makefile = pipeline.pop("stages"), (ROOT / "Makefile").read_text()
    pipeline.pop("default")
    for job in pipeline.values():
        assert job["stage"] in stages
        for line in job["script"]:
            if line.startswith("make "):
                assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line
            elif "app.release" in line:
                parser().parse_args(shlex.split(line)[3:])
            elif line.startswith("."):
                assert (ROOT / line).exists(), line


def test_what_the_edge_reads_is_told_and_the_doctor_knows_running(capsys: pytest.CaptureFixture) -> None:
    read = set(re.findall(r'"\$\{(\w+)\}"', (ROOT / "deployments" / "edge" / "haproxy.cfg").read_text()))
    assert read == set(re.findall(r"EDGE_\w+", THREATS.read_text()))
    with pytest.raises(SystemExit) as left:
        doctor(["--help"])
    assert left.value.code == 0
    assert "--running" in capsys.readouterr().out
