"""Releases of the running graph: kept when no worse, taken back when worse or broken, thresholds live in minutes."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from guards.policy import Policy
from tests.serve.conftest import ROOT, Running

RECORDS = "select kind, fields->>'job' as job, fields->>'status' as status, fields->>'passed' as passed from records"
REFUSE_ALL = {"other_harm": {"threshold": 0.002, "teach_threshold": 0.001}}
STRICTER = {"harmful_operational": {"threshold": 0.7}}


@pytest.fixture
def config(tmp_path: Path) -> tuple[dict[str, Any], Path]:
    """The graph as it runs, to be changed, and the file that `deploy` shall read."""
    graph = yaml.safe_load((ROOT / "tests" / "serve" / "small.yaml").read_text())
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump(graph))
    return graph, path


def deploy(small: Running, graph: dict[str, Any], path: Path) -> tuple[int, str]:
    path.write_text(yaml.safe_dump(graph))
    done = small.run("app.release", "deploy", str(path), "--window", "0", "--latency", "50", ok=False)
    return done.returncode, done.stdout + done.stderr


def deployment(graph: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in graph["applications"][0]["deployments"] if each["name"] == name)
    return found


def in_force(small: Running) -> str:
    return str(httpx.get(f"{small.url}/readyz", timeout=60, trust_env=False).json()["policy"])


def running_limit(small: Running) -> int:
    return int(small.applications()["deployments"]["Gateway"]["deployment_config"]["max_ongoing_requests"])


def records(small: Running) -> list[tuple[str, str, str, str]]:
    sql = f"{RECORDS} where kind = 'run' and fields->>'name' = 'serve' or kind = 'gate' order by ts"
    told = small.run("audit.query", str(small.log), sql, "--format", "json").stdout
    return [tuple(row.values()) for row in json.loads(told)]  # type: ignore[misc]


def test_no_worse_is_kept_on_record_and_rolled_back_by_one_command(small: Running, config) -> None:
    graph, path = config
    deployment(graph, "Gateway")["max_ongoing_requests"] = 48
    status, said = deploy(small, graph, path)
    assert (status, running_limit(small)) == (0, 48), said
    assert small.run("app.release", "rollback").returncode == 0
    assert running_limit(small) == 64
    found = records(small)
    assert found[-6:] == [
        ("run", "deploy", "started", None), ("gate", None, None, "true"), ("run", "deploy", "finished", None),
        ("run", "rollback", "started", None), ("gate", None, None, "true"), ("run", "rollback", "finished", None),
    ]  # fmt: skip


def test_what_refuses_harmless_questions_is_taken_back(small: Running, config) -> None:
    graph, path = config
    before = in_force(small)
    deployment(graph, "Gateway")["user_config"] = {"thresholds": REFUSE_ALL}
    status, said = deploy(small, graph, path)
    assert status == 1, said
    assert "harmless questions refused: 0.000 before, 1.000 now" in said
    assert in_force(small) == before
    assert records(small)[-1] == ("run", "deploy", "failed", None)


def test_what_does_not_come_up_is_taken_back_with_its_own_words(small: Running, config) -> None:
    graph, path = config
    graph["applications"][0]["import_path"] = "tests.serve.small:missing"
    status, said = deploy(small, graph, path)
    assert status == 1, said
    assert "DEPLOY_FAILED" in said
    assert "missing" in said
    assert small.ask("What does a firewall do?", model="tiny").status_code == 200


def test_thresholds_are_live_within_five_minutes_and_gone_by_one_command(small: Running, tmp_path: Path) -> None:
    before, file = in_force(small), tmp_path / "thresholds.yaml"
    file.write_text(yaml.safe_dump(STRICTER))
    said = small.run("app.release", "policy", str(file)).stdout
    live = re.search(r"live after ([\d.]+) s", said)
    assert live is not None
    assert float(live[1]) < 300
    assert in_force(small) == Policy.load().overridden({"thresholds": STRICTER}).digest != before
    small.run("app.release", "rollback")
    assert in_force(small) == before


def test_a_wrong_category_changes_nothing(small: Running, tmp_path: Path) -> None:
    before, file = in_force(small), tmp_path / "thresholds.yaml"
    file.write_text("no_such_category: {threshold: 0.5}\n")
    done = small.run("app.release", "policy", str(file), ok=False)
    assert (done.returncode, in_force(small)) == (2, before)
    assert "no_such_category" in done.stderr
