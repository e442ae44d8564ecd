"""Judges that are not ours: programs from Debian, given what our log claims."""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.audit.conftest import World, begin, world

__all__ = ["World", "begin", "world"]
SOURCE = Path(__file__).parent / "tlog"
DEBIAN = "/usr/share/gocode"  # where golang-golang-x-mod-dev lies
Case = dict[str, Any]
Judge = Callable[[list[Case]], list[Case]]


def encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value))


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Go's verdict on each case; see tlog/main.go for what a case holds."""
    folder = tmp_path_factory.mktemp("go")
    env = os.environ | {"GO111MODULE": "off", "GOPATH": DEBIAN, "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", folder / "tlog", "."], cwd=SOURCE, env=env, check=True, timeout=300)

    def judge(cases: list[Case]) -> list[Case]:
        done = subprocess.run(
            [folder / "tlog"], input=json.dumps(cases, default=encode), capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        verdicts = json.loads(done.stdout)
        assert len(verdicts) == len(cases)
        return verdicts

    return judge
