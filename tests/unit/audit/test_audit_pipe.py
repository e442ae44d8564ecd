"""`audit.verify ROOT | head -1` shows a line, not a stack trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.init import begin

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("command", [["audit.verify"], ["audit.query"]])
def test_a_reader_that_has_gone_is_no_error(tmp_path: Path, command: list[str]) -> None:
    begin(tmp_path / "audit", tmp_path / "keys", "test", 1)
    arguments = [*command, str(tmp_path / "audit")] + (["select 1"] if command == ["audit.query"] else [])
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
