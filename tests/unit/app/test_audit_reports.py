"""Reports as files: made by the command, one at a time, and ended with their client and with their time."""

import asyncio
import os
from pathlib import Path

import pytest

from app.auditing.reports import Reports, Wanted, listed
from app.auth import OPERATOR, Role
from app.errors import BadRequest, Fault, NotFound
from audit.reports import definition

NAME = "integrity_certificate"


def wanted(form: str = "json") -> Wanted:
    return Wanted.parse(NAME, "2026-01-01", "2027-01-01", form)


async def never() -> None:
    await asyncio.sleep(60)


async def at_once() -> None:
    await asyncio.sleep(0.3)


def of_session(leader: int) -> list[int]:
    """Processes of a session that still run (proc_pid_stat(5): state is the third field, session the sixth)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state not in "ZX":
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def started(monkeypatch) -> list[int]:
    """The ids of the processes that are started, each the leader of its session."""
    begin, found = asyncio.create_subprocess_exec, []

    async def beginning(*arguments, **more):
        process = await begin(*arguments, **more)
        found.append(process.pid)
        assert os.getsid(process.pid) == process.pid
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", beginning)
    return found


async def test_a_report_comes_as_a_file(world) -> None:
    headers = {"authorization": f"Bearer {world.key('rita', Role.AUDITOR, tenant=OPERATOR)}"}
    asks = {"from": "2026-01-01", "to": "2027-01-01T00:00:00+00:00", "format": "json"}
    answer = await world.http.get(f"/v1/audit/reports/{NAME}", params=asks, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{NAME}-20260101-20270101.json"'
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert (told["report"], told["integrity"]["valid"]) == (NAME, True)
    assert told["period"] == {"from": "2026-01-01T00:00:00+00:00", "to": "2027-01-01T00:00:00+00:00"}


async def test_the_list_is_the_catalogue(world) -> None:
    headers = {"authorization": f"Bearer {world.key('rita', Role.AUDITOR)}"}
    found = (await world.http.get("/v1/audit/reports", headers=headers)).json()["reports"]
    assert found == listed()
    assert [one["name"] for one in found] == definition.names()


@pytest.mark.parametrize(("name", "start", "end", "error"), [
    ("nonsense", "2026-01-01", "2027-01-01", NotFound), ("../report", "2026-01-01", "2027-01-01", NotFound),
    ("--list", "2026-01-01", "2027-01-01", NotFound), (NAME, None, "2027-01-01", BadRequest),
    (NAME, "2026-01-01", None, BadRequest), (NAME, "2027-01-01", "2026-01-01", BadRequest),
    (NAME, "--out=/tmp/x", "2027-01-01", BadRequest),
])  # fmt: skip
def test_what_is_no_report_or_no_period_is_refused(name, start, end, error) -> None:
    with pytest.raises(error) as refusal:
        Wanted.parse(name, start, end, "html")
    assert "--" not in refusal.value.message.replace("'--out=/tmp/x'", "")


def test_arguments_are_ours_alone() -> None:
    assert wanted("pdf").arguments("s3://b/audit") == [
        NAME, "s3://b/audit", "--from=2026-01-01T00:00:00+00:00", "--to=2027-01-01T00:00:00+00:00", "--format=pdf",
    ]  # fmt: skip


async def test_one_is_made_at_a_time_and_ends_with_its_client(world, started) -> None:
    reports = Reports(world.root)
    first = asyncio.ensure_future(reports.make(wanted(), at_once))
    await asyncio.sleep(0)
    with pytest.raises(Fault) as refusal:
        await reports.make(wanted(), never)
    assert (refusal.value.code, refusal.value.retry_after_s) == ("overloaded", 30)
    with pytest.raises(Fault, match="gone"):
        await first
    assert len(started) == 1
    assert of_session(started[0]) == []
    assert b'"integrity"' in await reports.make(wanted(), never)  # the place is free again


async def test_a_report_that_takes_too_long_is_ended(world, started) -> None:
    with pytest.raises(Fault) as refusal:
        await Reports(world.root, limit_s=0.2).make(wanted(), never)
    assert refusal.value.code == "report_too_long"
    assert of_session(started[0]) == []


async def test_a_cancelled_request_ends_its_report(world, started) -> None:
    making = asyncio.ensure_future(Reports(world.root).make(wanted(), never))
    while not started:
        await asyncio.sleep(0.05)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert of_session(started[0]) == []


async def test_a_log_that_cannot_be_read_is_a_fault(tmp_path) -> None:
    for root in (tmp_path / "none", None):
        with pytest.raises(Fault) as fault:
            await Reports(root).make(wanted(), never)
        assert fault.value.code == "log_unavailable"
