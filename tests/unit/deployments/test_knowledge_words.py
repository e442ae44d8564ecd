"""How texts are read: folding, the stems of words, the keys of names; and that no text is too strange to be asked."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.knowledge.asking import LONGEST
from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.words import fold, name_key, stem, stems, words
from tests.unit.deployments.knowledge_fixture import opened


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return opened(tmp_path_factory.mktemp("words"))


@pytest.mark.parametrize(
    "forms",
    ["inject injects injected injecting injection", "exfiltrate exfiltrated exfiltration", "dump dumps dumping dumped",
     "policy policies", "execute executes executed executing execution", "credential credentials"],
)  # fmt: skip
def test_the_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(word) for word in forms.split()}) == 1


def test_numbers_and_short_words_are_left_as_they_are() -> None:
    assert [stem(word) for word in ("t1003", "2021", "aes", "lsass", "access")] == [
        "t1003", "2021", "aes", "lsass", "access"]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two"),
    [("Cross-site Scripting", "cross\u2011site scripting"), ("Valid Accounts", "valid account"),
     ("DLL Side-Loading", "dll side loading"), ("Café", "CAFE"), ("ＳＱＬ Injection", "sql injection")],  # noqa: RUF001
)  # fmt: skip
def test_a_name_is_found_in_whatever_way_it_is_written(one: str, two: str) -> None:
    assert name_key(one) == name_key(two)


@given(st.text(max_size=80))
def test_folding_is_done_once(text: str) -> None:
    assert words(fold(text)) == words(text)
    assert len(stems(text)) == len(words(text))


@given(st.text(max_size=120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_no_text_is_too_strange_to_be_asked(knowledge: Knowledge, text: str) -> None:
    for question in (text, f"What is {text}?", f"Which groups use {text} and T1003?"):
        for answer in knowledge.answer(question):
            assert answer.sentences
    assert len(knowledge.search(text)) <= 5


def test_what_stands_beyond_the_longest_question_is_not_read(knowledge: Knowledge) -> None:
    assert knowledge.answer("x " * LONGEST + "What mitigates T1003.001?") == []
    assert [each.identifier.id for each in knowledge.look_up("x " * LONGEST + "T1003.001")] == ["T1003.001"]
