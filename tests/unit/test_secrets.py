"""No file of the repository holds a credential: private keys, and what known issuers give out."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guards.secret_scan import _HOOK, _ISSUED, _TOKEN

ROOT = Path(__file__).resolve().parents[2]
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20,}")
REPEATED = re.compile(r"(.)\1{5}")  # a stand-in such as sk-xxxxxx
MADE_UP = frozenset(
    {"AKIAQ3EGRTYUIOPASDFG", "AKIAIOSFODNN7EXAMPLE", "AKIAQYLPMN5HFIQR7XYA"}
)  # what guards are tried on


def found(text: str) -> Iterator[str]:
    for pattern in (PRIVATE_KEY, _ISSUED, _HOOK, _TOKEN):
        yield from (hit for match in pattern.finditer(text) if not REPEATED.search(hit := match.group()))


def readable() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_bytes().decode("utf-8", errors="replace")


def test_no_file_holds_a_credential() -> None:
    texts = dict(readable())
    assert len(texts) > 500
    assert {name: hits for name, text in texts.items() if (hits := set(found(text)) - MADE_UP)} == {}


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIA" * 2,
        "ghp_" + "a1" * 18,
        "glpat-" + "a1b2" * 5,
        "AKIA" + "QZ" * 8,
        "hf_" + "aB3" * 12,
        "https://hooks.slack.com/services/" + "T0/B0/x" * 5,
        ".".join(["eyJ" + "a1" * 10, "eyJ" + "b2" * 10, "c3" * 10]),
    ],
)
def test_a_credential_would_be_found(secret: str) -> None:
    assert list(found(f'token = "{secret}"\n')) != []
