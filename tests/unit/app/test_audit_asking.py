"""Questions to the log: two at once, equal ones once, kept for seconds, and what becomes of those that fail."""

import asyncio
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from app.auditing import asking as module
from app.auditing.asking import AT_ONCE, Asking, together
from app.errors import Fault
from audit.errors import BadRoot, BadSegment, QueryRefused
from audit.query import Asker
from audit.sandbox import Bounds


class Slow:
    """Answers when it is let; counts what it was asked and how many at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = self.most = 0
        self.let = threading.Event()
        self.error: Exception | None = None

    def ask(self, sql: str, _: Bounds) -> pa.Table:
        self.asked.append(sql)
        self.now += 1
        self.most = max(self.most, self.now)
        self.let.wait(10)
        self.now -= 1
        if self.error:
            raise self.error
        return pa.table({"said": [sql]})


@pytest.fixture
def slow() -> Slow:
    return Slow()


def over(slow: Slow, clock=lambda: 0.0) -> Asking:
    return Asking(slow, clock)  # type: ignore[arg-type]


async def test_equal_questions_are_asked_once_and_two_at_a_time(slow) -> None:
    asking = over(slow)
    waiting = [asyncio.ensure_future(asking.rows(sql)) for sql in "abcabcabc"]
    await asyncio.sleep(0.1)
    slow.let.set()
    assert await asyncio.gather(*waiting) == [[{"said": sql}] for sql in "abcabcabc"]
    assert (sorted(slow.asked), slow.most) == (["a", "b", "c"], AT_ONCE)


async def test_whoever_leaves_takes_no_answer_from_others(slow) -> None:
    asking = over(slow)
    first, second = (asyncio.ensure_future(asking.rows("a")) for _ in range(2))
    await asyncio.sleep(0.1)
    first.cancel()
    slow.let.set()
    assert await second == [{"said": "a"}]
    assert slow.asked == ["a"]


async def test_an_answer_is_kept_for_as_long_as_was_said(slow) -> None:
    now = 0.0
    asking = over(slow, lambda: now)
    slow.let.set()
    for at, count in ((0.0, 1), (9.9, 1), (10.0, 2)):
        now = at
        await asking.rows("a", keep_s=10.0)
        assert len(slow.asked) == count
    await asking.rows("b")
    await asking.rows("b")
    assert len(slow.asked) == 4  # kept is what is meant to be


async def test_too_many_different_questions_are_refused_for_now(slow, monkeypatch) -> None:
    monkeypatch.setattr(module, "WAITING", 1)
    asking = over(slow)
    waiting = [asyncio.ensure_future(asking.rows(sql)) for sql in "abc"]
    await asyncio.sleep(0.1)
    with pytest.raises(Fault, match="too many") as refusal:
        await asking.rows("d")
    assert (refusal.value.code, refusal.value.retry_after_s) == ("overloaded", 5)
    slow.let.set()
    await asyncio.gather(*waiting)
    assert await asking.rows("d") == [{"said": "d"}]


async def test_who_waits_too_long_for_a_place_is_told_so(slow, monkeypatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    asking = over(slow)
    first = [asyncio.ensure_future(asking.rows(sql)) for sql in "ab"]
    await asyncio.sleep(0.02)
    with pytest.raises(Fault, match="too many"):
        await asking.rows("c")
    slow.let.set()
    await asyncio.gather(*first)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueryRefused("no result within 30 s"), "log_unavailable"), (BadRoot("none"), "log_unavailable"),
        (BadSegment("changed"), "log_unproven"), (OSError(5, "input/output error"), "log_unavailable"),
    ],
)  # fmt: skip
async def test_what_fails_is_a_fault_and_is_asked_again(slow, error, code) -> None:
    asking = over(slow)
    slow.let.set()
    slow.error = error
    with pytest.raises(Fault) as fault:
        await asking.rows("a", keep_s=10)
    assert fault.value.code == code
    assert str(error) not in fault.value.message
    slow.error = None
    assert await asking.rows("a", keep_s=10) == [{"said": "a"}]


async def test_without_a_log_every_question_is_a_fault(tmp_path: Path) -> None:
    for nowhere in (Asking(None), Asking(Asker(tmp_path / "none"))):
        with pytest.raises(Fault) as fault:
            await nowhere.rows("select 1")
        assert fault.value.code == "log_unavailable"


def test_questions_are_joined_under_their_names() -> None:
    import duckdb

    joined = together(
        {"one": "select 1 as n", "none": "select 1 as n where false", "two": "select 1 as n union all select 2"}
    )
    ((one, none, two),) = duckdb.sql(joined).fetchall()
    assert (one, none, sorted(row["n"] for row in two)) == ([{"n": 1}], None, [1, 2])
