"""docs/operations.md: what it says is run is run, in order, in an empty home; of the rest, all that is named exists."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.cluster import FOREIGN, free_ports
from tests.k8s.test_manifests import OVERLAYS

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "operations.md").read_text()
FENCES = re.findall(r"^```([^\n]*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
RUN = [body for kind, body in FENCES if kind == "sh run"]
OTHER = [body for kind, body in FENCES if kind != "sh run"]
LINES = [line for body in OTHER for line in body.splitlines()]
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL))
MODULE = re.compile(r"python -m ((?:app|audit|train|deployments)\.\w+)((?: +[^|>&]+)?)")
KUBECTL = {"apply", "label", "create", "wait", "get", "exec", "delete"}
# Files of whoever follows it: made by an earlier command, or their own.
THEIRS = ("cluster/", "jobs/", "redis-password", "log-store.env", "monitor-key", "attacker-key", "log.vkey")


def test_every_block_is_run_or_says_why_not() -> None:
    assert len(TEXT.splitlines()) < 250
    assert len(RUN) >= 5
    for kind, _ in FENCES:
        assert kind == "sh run" or re.fullmatch(r"sh not run here: \S.{10,}", kind), kind


@pytest.mark.timeout(1200)
def test_what_is_run_runs(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in FOREIGN and "PRECEPTOR" not in name}
    env = clean | {
        "HOME": str(tmp_path), "PRECEPTOR_HOME": str(tmp_path / "var"), "PRECEPTOR_PORT": str(free_ports(1)[0]),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    for body in RUN:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", body], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{body}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert (tmp_path / "restored" / "keys" / "token.key").is_file()


@cache
def options_of(module: str, command: str) -> set[str]:
    words = [command] if command else []
    done = subprocess.run([sys.executable, "-m", module, *words, "--help"], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, f"{module} {command}: {done.stderr}"
    return set(re.findall(r"--[a-z-]+", done.stdout))


def commands() -> list[tuple[str, str, frozenset[str]]]:
    found = [match for text in (*LINES, *INLINE) for match in MODULE.finditer(text)]
    made = set()
    for match in found:
        words = shlex.split(match[2])
        verb = words[0] if words and re.fullmatch(r"[a-z]+", words[0]) else ""
        made.add((match[1], verb, frozenset(word for word in words if word.startswith("--"))))
    return sorted(made, key=str)


@pytest.mark.parametrize(("module", "verb", "options"), commands(), ids=lambda value: str(value)[:40])
def test_every_other_command_is_there_with_its_options(module: str, verb: str, options: frozenset[str]) -> None:
    assert options <= options_of(module, verb) | {"--help"}


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"\b(?:deployments|tests|docs)/[\w./-]*\w", TEXT))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link


def made(call: list[str]) -> tuple[str, str]:
    """Namespace and name of what `kubectl create secret KIND NAME` or `kubectl create configmap NAME` makes."""
    at = call.index("create")
    return call[call.index("-n") + 1], call[at + (3 if call[at + 1] == "secret" else 2)]


def wanted() -> set[tuple[str, str]]:
    """What pods of production name, and no overlay holds."""
    maps = [each["metadata"] for each in OVERLAYS["prod"] if each["kind"] == "ConfigMap"]
    there = {(each["namespace"], each["name"]) for each in maps}
    found = {(each["metadata"]["namespace"], name) for each in OVERLAYS["prod"] for name in references(each)}
    return found - there


def references(part: Any, under: str = "") -> Iterator[str]:
    """Names of secrets and ConfigMaps, wherever an object has a reference to one."""
    if isinstance(part, list):
        for each in part:
            yield from references(each, under)
    elif isinstance(part, dict):
        if under in {"secret", "secretRef", "secretKeyRef", "configMap", "configMapRef", "authOptions"}:
            yield part.get("secretName") or part["name"]
        for name, each in part.items():
            yield from references(each, name)


def test_kubectl_is_asked_for_what_it_does_and_every_secret_that_is_named_is_made() -> None:
    calls = [shlex.split(line) for line in LINES if line.startswith("kubectl")]
    assert {next(word for word in call[1:] if word in KUBECTL) for call in calls} == KUBECTL
    assert {made(call) for call in calls if "create" in call} == wanted()
    for word in (word for call in calls for word in call):
        if word.startswith(("--from-", "--cert", "--key")):
            assert word.rpartition("=")[2].startswith(THEIRS), word
