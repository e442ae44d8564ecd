"""The quarantine of dependencies: malicious pins are found however written, young releases are not taken."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "requirements" / "quarantine.py"


def quarantine(*locks: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, SCRIPT, *locks], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "pin",
    [
        "litellm==1.82.7",
        "LiteLLM==1.82.7 \\",
        "litellm[proxy]==1.82.8",
        "guardrails_ai==0.10.1+cpu ; python_version>'3'",
    ],
)
def test_a_malicious_pin_is_found_however_it_is_written(tmp_path: Path, pin: str) -> None:
    (tmp_path / "lock.txt").write_text(f"certifi==1.0\n{pin}\n    --hash=sha256:00\n")
    status, said = quarantine(tmp_path / "lock.txt")
    assert status == 1
    assert re.fullmatch(r"lock\.txt: (litellm|guardrails-ai)==[\d.]+: .+\n", said)


def test_our_locks_hold_none(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("litellm==1.82.70\nnot-litellm==1.82.7\n")
    assert quarantine(tmp_path / "lock.txt")[0] == 0
    assert quarantine()[0] == 0


def test_no_lock_at_all_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    assert [quarantine(tmp_path / name)[0] for name in ("empty.txt", "missing.txt")] == [2, 2]


def test_a_lock_takes_no_release_younger_than_a_week() -> None:
    """Most malicious releases are found within days; uv keeps younger ones out when told so."""
    makefile = (ROOT / "Makefile").read_text()
    compiled = re.search(r"^LOCK = (.+?[^\\])$", makefile, re.MULTILINE | re.DOTALL)
    assert compiled is not None
    assert "--exclude-newer P7D " in compiled[1]
    arguments = ["pip", "compile", "--quiet", "--system-certs", "--no-header", "--no-annotate", "--exclude-newer"]
    done = subprocess.run(
        [Path(sys.executable).with_name("uv"), *arguments, "2020-01-01", "-"], input="six", capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "six==1.13.0", done.stderr


def test_a_lock_becomes_a_bill_of_materials_with_each_pin_and_its_hashes(tmp_path: Path) -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:4]
    (tmp_path / "lock.txt").write_text("".join(entries))
    done = subprocess.run(
        [Path(sys.executable).with_name("cyclonedx-py"), "requirements", tmp_path / "lock.txt", "--output-format=JSON",
         "--output-file", tmp_path / "sbom.json"], capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "sbom.json").read_text())
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    pins = {f"{each['name']}=={each['version']}" for each in made["components"]}
    assert pins == {entry.split(" ", 1)[0] for entry in entries}
    hashes = [each["externalReferences"][0]["hashes"] for each in made["components"]]
    assert all(each[0]["alg"] == "SHA-256" for each in hashes)
