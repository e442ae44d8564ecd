"""Whoever starts one writer too many: every acknowledged record is there, once, and proven."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.serve.clients import Clients, Kept, ask, is_clean, look
from tests.serve.conftest import ROOT, Running

FEW = 20
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


def test_a_second_writer_by_accident_does_no_harm(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    program = [sys.executable, "-c", SECOND_WRITER, str(running.log), str(running.home / "keys")]
    with (tmp_path / "acknowledged").open("w") as file:
        second = subprocess.Popen(program, cwd=ROOT, stdout=file)
    try:
        with Clients(running, 4) as clients:
            for _ in range(3):
                wait_for_answers(clients, time.monotonic())
            wait_for_records(tmp_path / "acknowledged")
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
    assert len(acknowledged) > FEW
    sql = "select request_id, seq from records"
    out = running.run("audit.query", str(running.log), sql, "--format", "json").stdout
    assert acknowledged <= {(row["request_id"], str(row["seq"])) for row in json.loads(out)}


def wait_for_answers(clients: Clients, moment: float, seconds: float = 120) -> None:
    """Until as many questions as there are clients were asked after a moment and answered in full."""
    until = time.monotonic() + seconds
    while len(clients.answered_since(moment)) < clients.count:
        assert time.monotonic() < until, failed(clients.kept)
        time.sleep(0.2)


def wait_for_records(acknowledged: Path, seconds: float = 120) -> None:
    """Until the second writer, which first has to start and to read the log, has written more than a few."""
    until = time.monotonic() + seconds
    while len(acknowledged.read_text().splitlines()) <= FEW + 1:  # the last may be half a line
        assert time.monotonic() < until, acknowledged.read_text()
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
