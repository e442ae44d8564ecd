"""A production graph refuses every question until what it serves is signed off, and answers from then on."""

import time
from pathlib import Path

from app import policy
from tests.serve.conftest import start, stop

QUESTION = "What does a firewall do?"


def test_production_answers_once_its_policy_is_signed(tmp_path: Path) -> None:
    policy.keygen(tmp_path / "signoff")
    given = {"PRECEPTOR_MODE": "production", "PRECEPTOR_SIGNOFF_KEY": str(tmp_path / "signoff.pub")}
    running = start(tmp_path / "home", **given)
    try:
        running.env |= given | {"PRECEPTOR_ADMIN_KEY": running.mint("signer", "--role", "admin", "--no-accept")}
        unsigned = running.ask(QUESTION)
        assert (unsigned.status_code, unsigned.json()["error"]["code"]) == (503, "policy_unsigned")
        assert int(unsigned.headers["retry-after"]) > 0
        assert running.run("app.policy", "status", ok=False).returncode == 1
        running.run("app.policy", "sign", "--key", str(tmp_path / "signoff.key"), "--url", running.url)
        until = time.monotonic() + 30
        while (answer := running.ask(QUESTION)).status_code == 503 and time.monotonic() < until:
            time.sleep(0.5)
        assert answer.status_code == 200, answer.text
        assert running.run("app.policy", "status").stdout.splitlines()[-1] == "signed"
    finally:
        stop(running)
