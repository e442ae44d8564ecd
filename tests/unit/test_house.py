"""The house rules, held by a test: sizes, names, documents that match the code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "deployments", "train", "guards", "audit")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
README = (ROOT / "README.md").read_text()
JUNK = re.compile(r"(util|helper|manager|handler|wrapper|misc|common)s?\.py$")


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_stay_under_300_lines_and_functions_under_45() -> None:
    long_files = [str(path) for path in SOURCES if len(path.read_text().splitlines()) > 300]
    long_functions = [
        f"{path}:{node.name}" for path in SOURCES for node in functions(path) if node.end_lineno - node.lineno >= 45
    ]
    assert (long_files, long_functions) == ([], [])


def test_names_say_something_and_modules_and_public_functions_have_docstrings() -> None:
    assert [str(path) for path in SOURCES if JUNK.search(path.name)] == []
    silent = [str(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) < 150
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ((?:app|audit|guards|train)\.\w+)", README))))
def test_every_command_of_the_readme_answers_help(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_every_environment_setting_is_in_the_readme() -> None:
    read = set(re.findall(r'"(PRECEPTOR_[A-Z_]+)"', (ROOT / "app" / "settings.py").read_text()))
    assert read
    assert {name for name in read if name not in README} == set()


def test_serve_yaml_sets_what_ray_leaves_open_for_every_deployment() -> None:
    config = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    assert config["http_options"]["host"] == "127.0.0.1"
    assert config["http_options"]["request_timeout_s"] > Settings().limits.deadline_s
    deployments = config["applications"][0]["deployments"]
    assert {each["name"].split("-")[0] for each in deployments} == {
        "Gateway",
        "Guard",
        "Challenger",
        "Knowledge",
        "Model",
        "AuditLog",
    }
    for each in deployments:
        assert {"max_ongoing_requests", "max_queued_requests", "health_check_period_s"} <= set(each), each["name"]
        assert "num_replicas" in each or "autoscaling_config" in each
        assert 0 < each["ray_actor_options"]["num_cpus"] < 1
    writers = [each for each in deployments if each["name"].startswith("AuditLog")]
    assert all(each["max_ongoing_requests"] >= 1024 for each in writers)


def test_terms_and_policy_speak_of_the_same_clauses() -> None:
    terms = (ROOT / "docs" / "policy" / "terms.md").read_text()
    clauses = dict(re.findall(r"^(\d+)\. \*\*([^*]+)\.\*\*", terms, flags=re.MULTILINE))
    policy = yaml.safe_load((ROOT / "guards" / "policy.yaml").read_text())
    for name, category in policy["categories"].items():
        number, _, title = category["clause"].partition(" ")
        assert clauses.get(number) == title, f"{name}: {category['clause']}"


def test_no_document_or_source_names_a_place_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"(?<![\w.])/(work|opt/pypi|opt/wheels)\b")
    bad = [name for name in listed if (ROOT / name).suffix in {".py", ".md", ".yaml", ".toml", ".txt", ""}
           and (ROOT / name).exists() and pattern.search((ROOT / name).read_text(errors="ignore"))]  # fmt: skip
    assert bad == ["tests/unit/test_house.py"] or bad == []


def test_what_starts_ray_lies_in_two_folders() -> None:
    """Two clusters on one machine disturb each other: whoever runs parts of the suite side by side knows which."""
    tests = Path(__file__).parents[1]
    beside = [path for path in tests.rglob("test_*.py") if path.relative_to(tests).parts[0] not in ("serve", "train")]
    assert not [path for path in beside if re.search(r"^\s*ray\.init\(", path.read_text(), re.MULTILINE)]
