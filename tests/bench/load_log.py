"""What clients received, held against the log: through the commands that a stranger has."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from tests.load_client import Heard
from tests.serve.conftest import ROOT

RESPONSES = "select request_id, coalesce(response, '') as response from exchanges where request_id >= '{}'"
RECORDS = "select count(*) as records from records"
TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True)
class Shown:
    """The text of one answer as far as it came: its length in bytes, and their SHA-256."""

    request_id: str
    bytes: int
    digest: str

    @classmethod
    def of(cls, heard: Heard) -> Self:
        """What one client received."""
        return cls(heard.request_id, len(heard.text.encode()), heard.digest)


def unlogged(shown: Iterable[Shown], responses: Mapping[str, str]) -> dict[str, int]:
    """How many texts and bytes were received, and how many of them the log does not hold as the answer's beginning.

    A text that differs anywhere counts with all its bytes.
    """
    texts = [one for one in shown if one.bytes]
    lost = [one for one in texts if not _begins(responses.get(one.request_id, ""), one)]
    return {
        "texts": len(texts),
        "bytes": sum(one.bytes for one in texts),
        "unlogged_texts": len(lost),
        "unlogged_bytes": sum(one.bytes for one in lost),
    }


def _begins(logged: str, one: Shown) -> bool:
    return sha256(logged.encode()[: one.bytes]).hexdigest() == one.digest


def check(log: Path, keys: Path, shown: Iterable[Shown]) -> dict[str, Any]:
    """Verify a whole log, and look for what was shown. Only exchanges since the first of `shown` are opened."""
    texts = [one for one in shown if one.bytes]
    first = min((one.request_id for one in texts), default="")  # they begin with the time: RFC 9562, version 7
    rows = json.loads(_run("audit.query", str(log), RESPONSES.format(first), "--format", "json", "--keys", str(keys)))
    records = json.loads(_run("audit.query", str(log), RECORDS, "--format", "json"))[0]["records"]
    report = json.loads(_run("audit.verify", str(log)))
    found = unlogged(texts, {row["request_id"]: row["response"] for row in rows})
    return found | {"records": records, "log_valid": bool(report["valid"])}


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, text=True, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    if not done.stdout:
        raise RuntimeError(f"expected what {arguments[0]} says, got exit {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
