"""The writer's search runs beside its commits, one at a time, and ends in time; the handle passes on what it says."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from audit import init
from audit.record import Entry, Kind
from deployments import auditor
from deployments.auditor import AuditLog, LogHandle
from deployments.meter import Meter, Silent

SAID = "A nonce is a number that is used once, so that no two messages are alike."


def answer(request_id: str) -> Entry:
    judged = {"action": "ALLOW", "category": None, "score_ppm": 0}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    fields = judged | {"finish_reason": "stop", "windows": 1, "usage": usage}
    return Entry(Kind.answer, request_id, 0, "school", "ada", fields, SAID)


@pytest.fixture
async def replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(auditor, "meter", lambda _: Meter(Silent()))
    init.begin(tmp_path / "audit", tmp_path / "keys", "test", 1, [])
    made = AuditLog.func_or_class(str(tmp_path / "audit"), "exchange-0", str(tmp_path / "keys"), 1)
    yield made
    for loop in made._loops:
        loop.cancel()
    made._commits.close()


async def test_what_is_durable_is_found_and_searches_take_turns(replica: Any) -> None:
    await replica.append([answer("r0")])
    found = await asyncio.gather(*(replica.search(SAID, "school") for _ in range(3)), replica.append([answer("r1")]))
    assert {one["request_id"] for each in found[:3] for one in each} <= {"r0", "r1"}
    assert all(each[-1]["request_id"] == "r0" for each in found[:3])
    assert [one["request_id"] for one in await replica.search(SAID, None)] == ["r1", "r0"]
    assert await replica.search(SAID, "bank") == []


async def test_a_search_out_of_time_is_none_and_commits_go_on(replica: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor, "SEARCH_S", -1.0)
    assert await replica.search(SAID, "school") is None
    assert len(await replica.append([answer("r0")])) == 1


@pytest.mark.parametrize("told", [None, [], [{"request_id": "r0"}]])
async def test_the_handle_says_what_the_writer_said(told: Any) -> None:
    class Search:
        async def remote(self, *asked: Any) -> Any:
            assert asked == (SAID, "school")
            return told

    class Handle:
        search = Search()

    assert await LogHandle(Handle(), 1).search(SAID, "school") == told  # type: ignore[arg-type]
