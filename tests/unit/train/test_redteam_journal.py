"""The journal: a torn line is dropped, what came before stays; nobody else writes, no other campaign is read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from train.attack.attempt import Answer, Attempt, Tried
from train.attack.errors import JournalError
from train.attack.journal import NAME, Header, Journal
from train.attack.seeds import digest_of, valid

HEADER = Header("quick-1", "quick", "train", "a" * 64, "b" * 64)
ATTEMPTS = [Attempt.of("quick-1", "pyrit:plain", digest_of(str(n)), "harmful") for n in range(3)]


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    with Journal(tmp_path, HEADER) as journal:
        journal.plan(ATTEMPTS)
        journal.keep(Tried(ATTEMPTS[0], "one", Answer("answered", score=0.25)))
        journal.keep(Tried(ATTEMPTS[0], "other", Answer("refused")))
        journal.keep(Tried(ATTEMPTS[1], "two", Answer("refused")))
        journal.record([ATTEMPTS[0].id])
    with Journal(tmp_path, HEADER) as again:
        assert again.planned == ATTEMPTS
        assert [each.text for each in again.tried.values()] == ["one", "two"]
        assert again.waiting == ATTEMPTS[2:]
        assert [each.attempt for each in again.unrecorded] == [ATTEMPTS[1]]
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_a_line_cut_anywhere_costs_that_line_alone(tmp_path: Path) -> None:
    with Journal(tmp_path / "whole", HEADER) as journal:
        journal.plan(ATTEMPTS)
        journal.keep(Tried(ATTEMPTS[0], "a\nb\u2028c", Answer("answered")))
    raw = (tmp_path / "whole" / NAME).read_bytes()
    ends = [at + 1 for at, byte in enumerate(raw) if byte == ord("\n")]
    for cut in range(ends[0], len(raw), 37):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / NAME).write_bytes(raw[:cut])
        with Journal(folder, HEADER) as journal:
            assert len(journal.planned) == (3 if cut >= ends[1] else 0)
            assert journal.tried == {}
            journal.keep(Tried(ATTEMPTS[0], "again", Answer("refused")))
        with Journal(folder, HEADER) as journal:
            assert [each.text for each in journal.tried.values()] == ["again"]


def test_another_campaign_another_writer_or_nonsense_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, HEADER), pytest.raises(JournalError, match="one is under way"):
        Journal(tmp_path, HEADER)
    with pytest.raises(JournalError, match="use another --out"):
        Journal(tmp_path, Header("quick-1", "quick", "train", "c" * 64, "b" * 64))
    (tmp_path / NAME).write_text('{"event": "tried"}\n')
    with pytest.raises(JournalError, match="expected lines of a campaign"):
        Journal(tmp_path, HEADER)


@given(st.text(alphabet=st.characters(codec=None)))
def test_whatever_an_attacker_writes_can_be_kept(text: str) -> None:
    adapter = TypeAdapter(Tried)
    tried = Tried(ATTEMPTS[0], valid(text), Answer("answered"))
    line = adapter.dump_json(tried)
    assert b"\n" not in line
    assert adapter.validate_json(line) == tried
