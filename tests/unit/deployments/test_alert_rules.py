"""The alert rules: promtool's own tests of each, firing and not; series that exist; a runbook for each."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.monitoring.prometheus import ROOT, RULES, exported, named

ALERTS = yaml.safe_load((RULES / "rules.yaml").read_text())["groups"][0]["rules"]
TESTS = yaml.safe_load((RULES / "tests.yaml").read_text())["tests"]


def promtool(*arguments: str, folder: Path = RULES) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "Debian's package `prometheus` is missing"
    return subprocess.run([program, *arguments], cwd=folder, text=True, capture_output=True, timeout=500, check=False)


def test_promtool_accepts_rules_and_configuration() -> None:
    for what, file in (("rules", "rules.yaml"), ("config", "prometheus.yaml")):
        done = promtool("check", what, file)
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtools_tests_pass() -> None:
    done = promtool("test", "rules", "tests.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried_once_where_it_fires_and_once_where_it_does_not() -> None:
    tried = Counter((case["alertname"], bool(case["exp_alerts"])) for test in TESTS for case in test["alert_rule_test"])
    assert tried == Counter((alert["alert"], fires) for alert in ALERTS for fires in (True, False))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_its_tests_depend_on_its_expression(alert, tmp_path) -> None:
    """With an expression that never holds, and with one that always does, promtool's tests must fail."""
    mine = [test for test in TESTS if test["alert_rule_test"][0]["alertname"] == alert["alert"]]
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": mine})
    )
    for expression in ("vector(1) < 0", "vector(1)"):
        rules = {"groups": [{"name": "preceptor", "rules": [alert | {"expr": expression}]}]}
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
        assert promtool("test", "rules", "tests.yaml", folder=tmp_path).returncode != 0, expression


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_names_what_is_exported_and_says_what_to_do(alert) -> None:
    assert named(alert["expr"])
    assert named(alert["expr"]) <= exported()
    assert alert["labels"]["severity"] in {"warning", "critical"}
    page, _, section = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert section in {heading.lower() for heading in headings}
    assert alert["annotations"]["summary"]
