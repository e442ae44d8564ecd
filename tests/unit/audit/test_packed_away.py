"""A writer that opens, or comes back, while another one packs away the files that it has just listed."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from audit import upkeep
from audit.errors import BadSegment
from audit.log import Log
from audit.reader import LogReader

EVERYWHERE = pytest.mark.parametrize("world", ["local", "s3"], indirect=True)


@pytest.fixture
def filled(world, monkeypatch):
    monkeypatch.setattr(upkeep, "TIERS", (10, 1_000, 10_000))
    append(world.open(), world)
    return world


def append(log: Log, world, times: int = 12) -> None:
    for _ in range(times):
        log.append([world.request(str(uuid4()))])


def after_listing(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], object]) -> list[Callable[[], object]]:
    """Do one act after each of the next listings; returns what is left to do."""
    left, listed = list(acts), LogReader.refresh

    def refresh(reader: LogReader) -> None:
        listed(reader)
        if left:
            left.pop(0)()

    monkeypatch.setattr(LogReader, "refresh", refresh)
    return left


@EVERYWHERE
def test_who_opens_lists_again(filled, monkeypatch):
    other = filled.open()
    left = after_listing(monkeypatch, lambda: upkeep.pack_all(other))
    log = filled.open()
    assert left == []
    assert (log.size, log.tail(0)) == (other.size, other.tail(0))
    append(log, filled, 1)
    assert filled.verify()[0] == 0


def test_who_was_overtaken_lists_again(filled, monkeypatch):
    slow, other = filled.open(), filled.open()
    append(other, filled)
    upkeep.pack_all(other)
    append(other, filled)
    left = after_listing(monkeypatch, lambda: upkeep.pack_all(other))
    append(slow, filled, 1)
    assert left == []
    other.tick(0)
    assert slow.tail(0) == other.tail(0)
    assert filled.verify()[0] == 0


def test_what_vanished_for_good_is_no_reason_to_go_on(filled, monkeypatch):
    left = after_listing(monkeypatch, filled.segments()[3].unlink)
    with pytest.raises(BadSegment, match="does not continue the tree"):
        filled.open()
    assert left == []
