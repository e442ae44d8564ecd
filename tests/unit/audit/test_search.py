"""A text leads back to its record: for whole answers, however they are laid out, of people who were not erased."""

import time

import pytest

from audit import words
from audit.erasure import erase
from audit.proof import Proof
from audit.prune import prune
from audit.record import Entry, Kind
from audit.search import Late, Search
from audit.store import join_address
from audit.upkeep import Upkeep, run_once

SAID = "A **buffer overflow** writes past the end of an array; bounds checks prevent that."
COPIED = "a buffer overflow\n writes past the end of an array, bounds checks prevent “that”"
OTHER = "A nonce is a number that is used once, so that no two messages are alike."


@pytest.fixture
def searched(world):
    world.log = world.open()
    world.log.append(world.exchange("r0", SAID))
    world.search = Search(join_address(world.address, "exchange-0"), world.keys.subjects)
    return world


def found(search: Search, text: str, tenant: str | None = "school") -> list[str]:
    return [one.request_id for one in search.find(text, tenant, 10, time.monotonic() + 60)]


def answer(request_id: str, tenant: str, who: str, text: str) -> Entry:
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    judged = {"action": "ALLOW", "category": None, "score_ppm": 1000}
    fields = judged | {"finish_reason": "stop", "windows": 1, "usage": usage}
    return Entry(Kind.answer, request_id, 2, tenant, who, fields, text)


@pytest.mark.parametrize("text", [SAID, COPIED, SAID.upper(), f"\n{SAID}\n\n"])
def test_a_whole_answer_is_found_however_it_is_laid_out(searched, text):
    (receipt,) = searched.search.find(text, "school", 10, time.monotonic() + 60)
    assert (receipt.request_id, receipt.kind) == ("r0", "answer")
    assert receipt.proof == searched.log.receipt("r0")[-1].proof
    assert Proof.parse(receipt.proof).index == receipt.idx


@pytest.mark.parametrize(
    "text", [SAID.replace("past", "before"), SAID[: len(SAID) // 2 + 10], SAID + " And 1 more.", OTHER, ""]
)
def test_what_was_altered_cut_or_never_said_is_not_found(searched, text):
    assert found(searched.search, text) == []


def test_short_texts_are_nobodys(searched):
    searched.log.append(searched.exchange("short", "Yes, it is."))
    leaf = searched.log.tail(0)[-1]
    assert (leaf["fields"]["words_print"], leaf["fields"]["words_commit"]) == (None, None)
    assert found(searched.search, "Yes, it is.") == []


def test_an_erased_persons_answers_are_not_found_and_their_next_ones_are(searched):
    assert found(searched.search, SAID) == ["r0"]
    erase(searched.root, searched.keys, "school", "ada")
    assert found(searched.search, SAID) == []
    searched.open().append(searched.exchange("r1", SAID))
    assert found(searched.search, SAID) == ["r1"]
    assert found(Search(searched.root / "exchange-0", searched.keys.subjects), SAID) == ["r1"]


def test_a_tenant_finds_its_own_and_the_operator_everybodys_newest_first(searched):
    searched.log.append([answer("bank", "bank", "eve", SAID)])
    searched.log.append([answer("late", "school", "bob", SAID)])
    assert found(searched.search, SAID) == ["late", "r0"]
    assert found(searched.search, SAID, "bank") == ["bank"]
    assert found(searched.search, SAID, "other") == []
    assert found(searched.search, SAID, None) == ["late", "bank", "r0"]
    assert [one.idx for one in searched.search.find(SAID, None, 1, time.monotonic() + 60)] == [searched.log.size - 1]


def test_one_text_has_another_print_for_each_person(searched):
    searched.log.append([answer("late", "school", "bob", SAID)])
    prints = {leaf["fields"]["words_print"] for leaf in searched.log.tail(0) if leaf["kind"] == "answer"}
    commits = {leaf["fields"]["words_commit"] for leaf in searched.log.tail(0) if leaf["kind"] == "answer"}
    assert len(prints) == len(commits) == 2


def test_nobody_hands_in_a_print(searched):
    entry = answer("forged", "school", "bob", OTHER)
    forged = Entry(**{name: getattr(entry, name) for name in ("kind", "request_id", "seq", "tenant", "subject")},
                   fields=dict(entry.fields) | {"words_print": "a" * 64}, text=OTHER)  # fmt: skip
    searched.log.append([forged])
    assert searched.log.tail(0)[-1]["fields"]["words_print"] != "a" * 64
    assert found(searched.search, OTHER) == ["forged"]


def test_what_is_packed_or_pruned_while_a_search_knows_the_log(searched):
    assert found(searched.search, SAID) == ["r0"]
    for n in range(3):
        searched.log.append(searched.exchange(f"n{n}", OTHER))
    run_once(Upkeep(searched.log), searched.log.memory.reader.files[:-1])
    assert found(searched.search, SAID) == ["r0"]
    assert found(searched.search, OTHER) == ["n2", "n1", "n0"]
    searched.log.append(searched.exchange("last", SAID))
    prune(searched.log, searched.log.tail(0)[-1]["ts"], "retention")
    assert found(searched.search, SAID) == ["last"]
    assert found(Search(searched.root / "exchange-0", searched.keys.subjects), SAID) == ["last"]


def test_a_search_out_of_time_says_so_and_the_next_one_goes_on_from_there(searched):
    for n in range(20):
        searched.log.append(searched.exchange(f"n{n}", OTHER))
    ticks = iter(range(10_000))
    search = Search(searched.root / "exchange-0", searched.keys.subjects, clock=lambda: float(next(ticks)))
    with pytest.raises(Late):
        search.find(SAID, "school", 10, 15.0)
    read = search._read
    assert 0 < read < searched.log.size
    assert [one.request_id for one in search.find(SAID, "school", 10, 1e6)] == ["r0"]
    assert search._read == searched.log.size


def test_a_damaged_key_hides_its_own_person_alone(searched):
    searched.log.append([answer("late", "school", "bob", SAID)])
    tag = next(leaf["subject"] for leaf in searched.log.tail(0) if leaf["request_id"] == "r0")
    (searched.home / "keys" / "tags" / tag).write_bytes(b"{}")
    assert found(Search(searched.root / "exchange-0", searched.keys.subjects), SAID) == ["late"]


def test_records_of_earlier_versions_are_simply_not_found(searched, monkeypatch):
    monkeypatch.setattr("audit.draft.prints", lambda *_: {})
    searched.log.append(searched.exchange("old", OTHER))
    assert found(searched.search, OTHER) == []
    assert found(searched.search, SAID) == ["r0"]
    assert searched.verify()[0] == 0


def test_the_key_of_prints_is_no_key_of_a_record(searched):
    key = searched.keys.subjects.of("school", "ada")
    assert words.key_of(key) not in {key.secret, key.prk}
