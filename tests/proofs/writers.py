"""200 kill -9 of log writers under load, over real Serve: nothing acknowledged is lost, nothing shown is unlogged."""

import os
import random
import secrets
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.serve.clients import Clients, is_clean, look
from tests.serve.conftest import Running, start, stop

LOGS = 4
STREAMS = 6
MAX_TOKENS = (12, 12, 48)  # some answers of several windows
CHECK_EVERY = 10  # rounds
CONTROL_EVERY = 4  # rounds
TWICE_EVERY = 5  # rounds
BACK_WITHIN_S = 180.0
SUMMED = ("answers_begun", "bytes_received", "streams_outside_the_log", "receipts", "receipts_valid_offline",
          "receipts_valid_in_the_log", "acknowledged_and_lost", "records", "records_twice")  # fmt: skip


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


def writers(journal: Steps, count: int) -> dict[str, Any]:
    """Rounds of kills, each followed by a return; what clients hold is held against the log every few rounds.

    Only rounds that a check followed count: what the clients of a run that was broken off held is gone.
    """
    before = _checked(journal.steps)
    if _kills(before) >= count:
        return _figures(before)
    running = start(Path(tempfile.mkdtemp(prefix="prove-")), PRECEPTOR_EXCHANGE_LOGS=str(LOGS))
    run, here = secrets.token_hex(4), list[dict[str, Any]]()
    folder = Path(tempfile.mkdtemp(prefix="receipts-"))
    try:
        with Clients(running, STREAMS, MAX_TOKENS) as clients:
            _wait_for_all_logs(clients, time.monotonic())
            while _kills(before + here) < count:
                here.append({"run": run} | _round(running, clients, len(before) + len(here)))
                if len(here) % CHECK_EVERY == 0:
                    here[-1]["checked"] = look(running, list(clients.kept), folder)
                if _kills(before + here) < count:
                    journal.add(here[-1])
        here[-1]["checked"] = look(running, clients.kept, folder)
        journal.add(here[-1])
    finally:
        stop(running)
    return _figures(before + here)


def _round(running: Running, clients: Clients, number: int) -> dict[str, Any]:
    """Kill all exchange writers at a random moment, sometimes the control writer too, sometimes again as they return.

    It ends when all logs answer.
    """
    wait_s = random.uniform(0.2, 3)  # noqa: S311
    time.sleep(wait_s)
    seen, with_control = len(clients.kept), number % CONTROL_EVERY == CONTROL_EVERY - 1
    dead: set[int] = set()
    killed = _kill_all(running, dead, control=with_control)
    if twice := number % TWICE_EVERY == TWICE_EVERY - 1:
        killed += _kill_returning(running, dead)
    moment = time.monotonic()
    _wait_for_all_logs(clients, moment)
    ended = clients.kept[seen:]
    return {
        "killed": len(killed),
        "control": "AuditLog-control" in killed,
        "twice": twice,
        "after_s": round(wait_s, 2),
        "back_s": round(time.monotonic() - moment, 1),
        "answers": len(ended),
        "refused": sum(one.status != 200 for one in ended),
        "broken_off": sum(one.status == 200 and not one.receipts for one in ended),
    }


def _kill_all(running: Running, dead: set[int], *, control: bool = False) -> list[str]:
    """Names of the writers that were killed, those that were only just starting too; their processes join `dead`."""
    killed = []
    for name, deployment in running.applications()["deployments"].items():
        if name.startswith("AuditLog-exchange-") or (control and name == "AuditLog-control"):
            for pid in [replica["pid"] for replica in deployment["replicas"] if replica.get("pid")]:
                if pid not in dead and _kill(pid):
                    dead.add(pid)
                    killed.append(name)
    return killed


def _kill_returning(running: Running, dead: set[int]) -> list[str]:
    """The same for the first that come back, as soon as they show."""
    until = time.monotonic() + BACK_WITHIN_S
    while not (killed := _kill_all(running, dead)):
        assert time.monotonic() < until, f"no writer came back within {BACK_WITHIN_S:g} s"
        time.sleep(0.1)
    return killed


def _kill(pid: int) -> bool:
    """Whether a living writer was killed: Serve's list may still name one that is dead."""
    with suppress(OSError):
        if "AuditLog" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _wait_for_all_logs(clients: Clients, moment: float) -> None:
    """Until each exchange log has taken a whole exchange that began after a moment."""
    until = time.monotonic() + BACK_WITHIN_S
    while len({int(one.request_id[-12:], 16) % LOGS for one in clients.answered_since(moment)}) < LOGS:
        if time.monotonic() > until:
            raise AssertionError(f"the writers did not come back within {BACK_WITHIN_S:g} s")
        time.sleep(0.1)


def _checked(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps up to the last check."""
    last = max((at for at, step in enumerate(steps) if "checked" in step), default=-1)
    return steps[: last + 1]


def _kills(steps: list[dict[str, Any]]) -> int:
    return sum(step["killed"] for step in steps)


def _figures(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums; of each run's checks the last, for it holds all that its clients had until then."""
    checks = [(step["run"], step["checked"]) for step in steps if "checked" in step]
    last, backs = dict(checks), sorted(step["back_s"] for step in steps)
    return {
        "writer_kills": _kills(steps),
        "control_writer_kills": sum(step["control"] for step in steps),
        "rounds": len(steps),
        "runs": len(last),
        "checks": len(checks),
        "every_check_clean": all(is_clean(one) for _, one in checks),
        **{name: sum(one[name] for one in last.values()) for name in SUMMED},
        "rounds_killed_again_at_return": sum(step["twice"] for step in steps),
        "questions_refused_meanwhile": sum(step["refused"] for step in steps),
        "answers_broken_off": sum(step["broken_off"] for step in steps),
        "all_logs_answer_again_s": {"median": backs[len(backs) // 2], "max": backs[-1]},
    }
