"""The attackers' locks: whole, hashed, in agreement with what is asked for, and of no place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from train.attack.environment import LOCKS, NAMES, bare

ALL = (*NAMES, "attackers-build")


def pins(name: str) -> dict[str, str]:
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    return dict(line.split(" ", 1)[0].split("==") for line in lines if "==" in line and not line.startswith(" "))


@pytest.mark.parametrize("name", ALL)
def test_every_pin_has_a_hash_and_no_place(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(name)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_the_attackers_are_those_that_were_asked_for() -> None:
    assert pins("garak")["garak"] == "0.17.1"
    assert pins("pyrit")["pyrit"] == "1.1.0"
    assert {"torch", "accelerate"}.isdisjoint(pins("garak"))
    malicious = {("litellm", "1.82.7"), ("litellm", "1.82.8")}
    assert malicious.isdisjoint(pins("garak").items())


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_resolves_to_the_lock(name: str) -> None:
    override = ["--override", "garak-overrides.txt"] if name == "garak" else []
    done = subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "compile", f"{name}.in", "--constraint", f"{name}.txt", *override,
         "--python-version", "3.11", "--python-platform", "x86_64-unknown-linux-gnu", "--no-header", "--no-annotate",
         "--quiet", "--system-certs"],
        cwd=LOCKS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert dict(line.split("==") for line in done.stdout.splitlines() if "==" in line) == pins(name)


def test_an_attacker_sees_no_key_and_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTOR_API_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    seen = bare(tmp_path)
    assert "secret" not in seen.values()
    assert {name for name in seen if "PROXY" in name} == {"NO_PROXY"}
    assert seen["HOME"] == str(tmp_path)
