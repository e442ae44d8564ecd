"""What waits travels together and in order; a dead writer is waited for; nobody waits for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from ray.exceptions import ActorDiedError

from audit.errors import BadEntry
from audit.receipt import Receipt
from audit.record import Entry, Kind
from deployments.auditor import LogHandle
from deployments.confined_worker import CONFINED
from deployments.ports import ServiceUnavailable


class Method:
    """Stands for `handle.append`: calls a function for each remote call."""

    def __init__(self, act: Callable[[list[Entry]], Any]) -> None:
        self.act = act
        self.calls: list[list[int]] = []

    async def remote(self, entries: list[Entry]) -> Any:
        self.calls.append([entry.seq for entry in entries])
        await asyncio.sleep(0.01)
        return self.act(entries)


class Handle:
    def __init__(self, act: Callable[[list[Entry]], Any]) -> None:
        self.append = Method(act)
        self.asked: dict[str, Any] = {}

    def options(self, **asked: Any) -> "Handle":
        self.asked = asked
        return self


def entry(seq: int) -> Entry:
    return Entry(Kind.window, "r", seq, "t", "s", {"n": seq})


def receipts(entries: list[Entry]) -> list[Receipt]:
    return [Receipt("o", e.seq, 0, "window", e.request_id, e.seq, "proof") for e in entries]


async def test_what_waits_goes_in_one_call_and_in_order() -> None:
    handle = Handle(receipts)
    log = LogHandle(handle, 30)  # type: ignore[arg-type]
    got = await asyncio.gather(*(log.append([entry(seq)]) for seq in range(5)))
    assert [each[0].seq for each in got] == [0, 1, 2, 3, 4]
    assert [seq for call in handle.append.calls for seq in call] == [0, 1, 2, 3, 4]
    assert len(handle.append.calls) <= 2


async def test_a_dead_writer_is_asked_again_with_the_same_entries() -> None:
    left = [1, 1]

    def act(entries: list[Entry]) -> list[Receipt]:
        if left:
            left.pop()
            raise ActorDiedError
        return receipts(entries)

    handle = Handle(act)
    assert (await LogHandle(handle, 5).append([entry(7)]))[0].seq == 7  # type: ignore[arg-type]
    assert handle.append.calls == [[7], [7], [7]]


async def test_a_writer_that_stays_dead_is_unavailable_in_time() -> None:
    def act(_: list[Entry]) -> list[Receipt]:
        raise ActorDiedError

    with pytest.raises(ServiceUnavailable):
        await asyncio.wait_for(LogHandle(Handle(act), 0.3).append([entry(0)]), 60)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
async def test_an_error_nobody_foresaw_answers_all_who_wait(error: type[BaseException]) -> None:
    def act(_: list[Entry]) -> list[Receipt]:
        raise error

    log = LogHandle(Handle(act), 0.3)  # type: ignore[arg-type]
    done = await asyncio.wait_for(
        asyncio.gather(*(log.append([entry(seq)]) for seq in range(3)), return_exceptions=True), 5
    )
    assert [type(each) for each in done] == [ServiceUnavailable] * 3


async def test_a_bad_entry_fails_its_own_caller_alone() -> None:
    def act(entries: list[Entry]) -> list[Any]:
        return [BadEntry("bad") if e.seq == 1 else receipts([e])[0] for e in entries]

    log = LogHandle(Handle(act), 5)  # type: ignore[arg-type]
    good, bad = await asyncio.gather(log.append([entry(0)]), log.append([entry(1)]), return_exceptions=True)
    assert isinstance(good, list)
    assert isinstance(bad, BadEntry)


def test_only_a_confined_caller_goes_by_rays_own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFINED, raising=False)
    free, confined = Handle(receipts), Handle(receipts)
    LogHandle(free, 5)  # type: ignore[arg-type]
    monkeypatch.setenv(CONFINED, "Landlock ABI 7")
    LogHandle(confined, 5)  # type: ignore[arg-type]
    assert (free.asked, confined.asked) == ({}, {"_by_reference": True})
