"""Whoever restarts the writers, or starts one too many: every acknowledged record is there, once, and proven."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments import embedded
from tests.serve.clients import Clients, Kept, ask, is_clean, look
from tests.serve.conftest import ROOT, Running

SECOND_WRITER = """
import sys
import time
from pathlib import Path
from uuid_utils import uuid7
from audit import keys, upkeep
from audit.log import Log
from audit.receipt import Receipt
from tests.unit.audit.conftest import World

upkeep.TIERS = (20, 200, 2_000)  # it merges, and takes files away from the first, far more often than it would
root, keys_dir = map(Path, sys.argv[1:])
log, world = Log.open(root / "exchange-0", keys.load(keys_dir)), World(root)
for number in range(1_000_000):
    for entry in world.exchange(str(uuid7()), "Salted ", "hashes."):
        (receipt,) = log.append([entry])
        assert isinstance(receipt, Receipt), receipt
        print(receipt.request_id, receipt.seq, flush=True)
        time.sleep(0.02)  # as often as the first may: one that never pauses would win every create
    if number % 10 == 9:
        upkeep.pack_all(log)
"""


def send(running: Running, config: dict[str, Any]) -> None:
    """What `serve deploy` does."""
    token = Path(running.env["RAY_AUTH_TOKEN_PATH"]).read_text().strip()
    answer = httpx.put(
        f"{running.dashboard}/api/serve/applications/", json=config, timeout=120, trust_env=False,
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip
    answer.raise_for_status()


def writers(running: Running) -> set[int]:
    """Processes of all writers, those that start or stop too; for a moment of an update Serve names none."""
    deployments = running.applications().get("deployments", {})
    found = [each for name, each in deployments.items() if name.startswith("AuditLog-")]
    return {replica["pid"] for each in found for replica in each["replicas"] if replica.get("pid")}


def wait_until_rolled(running: Running, old: set[int], seconds: float = 240) -> None:
    """Until no writer of before is left, all deployments are healthy, and a question is answered."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = writers(running)
        if len(now) == len(old) and not now & old and running.applications()["status"] == "RUNNING":
            return running.wait_ready()
        time.sleep(1)
    raise AssertionError(f"not rolled within {seconds} s: {running.applications()}")


@pytest.fixture
def config(running: Running) -> Iterator[dict[str, Any]]:
    """The graph as it was rendered, for a test to change; sent again at the end."""
    text = (running.home / "serve.yaml").read_text()
    yield yaml.safe_load(text)
    old = writers(running)
    send(running, yaml.safe_load(text))
    wait_until_rolled(running, old)


def test_a_rolling_update_under_questions_keeps_what_was_acknowledged(
    running: Running, config: dict[str, Any], tmp_path: Path
) -> None:
    """Everything is replaced, old and new side by side for a while, and not even a question is refused.

    The new graph has a judge, and what it records cites another guard than before.
    """
    running.wait_ready()
    old = writers(running)
    before = guards_cited(running)
    with Clients(running, 4) as clients:
        wait_for_answers(clients, time.monotonic())
        config["applications"][0]["args"]["commit_interval_ms"] = 35
        config["applications"][0]["args"]["judge"] = str(running.home / "models" / embedded.NAME)
        send(running, config)
        wait_until_rolled(running, old)
        wait_for_answers(clients, time.monotonic())
    assert failed(clients.kept) == []
    found = look(running, clients.kept, tmp_path)
    assert is_clean(found), found
    assert found["receipts"] >= 8
    assert ask(running, "What is a firewall?", 12, stream=True).receipts
    assert running.applications()["deployments"]["Judge"]["status"] == "HEALTHY"
    assert len(guards_cited(running) - before) == 1


def guards_cited(running: Running) -> set[str]:
    sql = "select distinct guard_digest from exchanges where guard_digest is not null"
    out = running.run("audit.query", str(running.log), sql, "--format", "json").stdout
    return {row["guard_digest"] for row in json.loads(out)}


def test_a_second_writer_by_accident_does_no_harm(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    program = [sys.executable, "-c", SECOND_WRITER, str(running.log), str(running.home / "keys")]
    with (tmp_path / "acknowledged").open("w") as file:
        second = subprocess.Popen(program, cwd=ROOT, stdout=file)
    try:
        with Clients(running, 4) as clients:
            for _ in range(3):
                wait_for_answers(clients, time.monotonic())
            assert second.poll() is None, "the second writer has failed"
            second.kill()  # at any moment: it owes nobody anything but what it has acknowledged
    finally:
        second.kill()
        second.wait()
    assert failed(clients.kept) == []
    found = look(running, clients.kept, tmp_path / "receipts")
    assert is_clean(found), found
    lines = (tmp_path / "acknowledged").read_text().splitlines(keepends=True)
    acknowledged = {tuple(line.split()) for line in lines if line.endswith("\n")}
    assert len(acknowledged) > 20
    sql = "select request_id, seq from records"
    out = running.run("audit.query", str(running.log), sql, "--format", "json").stdout
    assert acknowledged <= {(row["request_id"], str(row["seq"])) for row in json.loads(out)}


def wait_for_answers(clients: Clients, moment: float, seconds: float = 120) -> None:
    """Until as many questions as there are clients were asked after a moment and answered in full."""
    until = time.monotonic() + seconds
    while len(clients.answered_since(moment)) < clients.count:
        assert time.monotonic() < until, failed(clients.kept)
        time.sleep(0.2)


def failed(kept: list[Kept]) -> list[tuple[int, str]]:
    return [(one.status, one.body[-300:]) for one in kept if one.status != 200 or not one.receipts]


def test_what_clients_hold_is_looked_at_closely_enough(running: Running, tmp_path: Path) -> None:
    """A word more than was logged is seen, in an answer that ended as in a frame that was cut."""
    running.wait_ready()
    one = ask(running, "What does a firewall do?", 12, stream=False)
    word = replace(one, body=one.body.replace(json.dumps(one.text), json.dumps(f"{one.text} indeed")))
    frame = 'data: {"choices": [{"delta": {"content": "never sa'  # cut off in its middle
    found = look(running, [one, word, replace(one, body=frame)], tmp_path)
    assert not is_clean(found)
    assert (found["answers_begun"], found["streams_outside_the_log"], found["verified"]) == (3, 2, False)
    assert (found["receipts"], found["receipts_valid_offline"], found["acknowledged_and_lost"]) == (2, 1, 0)
