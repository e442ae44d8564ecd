"""What the graph answers: by identifier, by name, by description; what it does not know, and says so."""

from pathlib import Path

import pytest

from deployments.knowledge.answering import Outcome
from deployments.knowledge.asking import How
from deployments.knowledge.concepts import Concepts, wanted
from deployments.knowledge.identifiers import find
from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.lookup import State
from deployments.knowledge.relations import TABLE
from tests.unit.deployments.knowledge_fixture import letters, make_pack, opened


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return opened(tmp_path_factory.mktemp("knowledge"))


@pytest.mark.parametrize(
    ("question", "subject", "concept", "things"),
    [
        ("Which mitigations exist for t1003/001?", "T1003.001", "mitigation", {"M1017", "M1043"}),
        ("How would I notice LSASS Memory?", "T1003.001", "detection", {"DET0363"}),
        ("Which groups use Mimikatz?", "S0002", "group", {"G0016"}),
        ("What tools does Cozy Bear have?", "G0016", "software", {"S0002"}),
        ("Which techniques does the mitigation User Training address?", "M1017", "technique", {"T1003.001", "T1566"}),
        ("sub-techniques of OS credential dumping", "T1003", "subtechnique", {"T1003.001"}),
        ("Under which tactic is T1003.001 filed?", "T1003.001", "tactic", {"TA0006"}),
        ("Which attack patterns exploit cross-site scripting?", "CWE-79", "pattern", {"CAPEC-63"}),
        ("What is more general than CWE 79?", "CWE-79", "parent", {"CWE-74"}),
        ("Which CVEs have CWE-79?", "CWE-79", "cve", {"CVE-2024-0001", "CVE-1999-0009"}),
        ("Which attack patterns fit CVE-2024-0001?", "CVE-2024-0001", "pattern", {"CAPEC-63"}),
        ("Which weakness is behind CVE-2021-44228?", "CVE-2021-44228", "weakness", {"CWE-74"}),
        ("Is CVE-2021-44228 exploited in the wild?", "CVE-2021-44228", "exploited", {"KEV:CVE-2021-44228"}),
    ],
)
def test_a_relation_is_answered_with_all_its_records(
    knowledge: Knowledge, question: str, subject: str, concept: str, things: set[str]
) -> None:
    answer = knowledge.answer(question)[0]
    assert (answer.outcome, answer.subject, answer.concept, set(answer.things)) == (
        Outcome.known, subject, concept, things)  # fmt: skip
    cited = {name for sentence in answer.sentences for name in sentence.cites}
    assert things | {subject} <= cited
    assert {each.id for each in find(answer.text)} <= cited


def test_what_a_feed_says_of_a_link_is_said_as_plain_text(knowledge: Knowledge) -> None:
    text = knowledge.answer("mitigations of T1003.001")[0].text
    assert "User Training (M1017): Train admins well. [M1017]" in text


def test_a_fact_is_told_from_its_record(knowledge: Knowledge) -> None:
    answer = knowledge.answer("What are the consequences of CWE-79?")[0]
    assert answer.sentences[1].text == "Read data."
    assert answer.sentences[1].cites == ("CWE-79",)
    assert knowledge.answer("By when was CVE-2021-44228 due?")[0].subject == "KEV:CVE-2021-44228"


def test_a_description_leads_to_the_thing_that_fits_best(knowledge: Knowledge) -> None:
    answer = knowledge.answer("what helps against someone dumping LSASS?")[0]
    assert (answer.subject, answer.how, answer.concept) == ("T1003.001", How.search, "mitigation")


def test_two_things_in_one_breath_are_both_answered(knowledge: Knowledge) -> None:
    answers = knowledge.answer("How do I detect and prevent T1003.001?")
    assert {each.concept for each in answers} == {"detection", "mitigation"}


def test_two_identifiers_are_answered_with_what_joins_them(knowledge: Knowledge) -> None:
    answer = knowledge.answer("Does M1043 help against T1003.001?")[0]
    assert answer.sentences[0].cites == ("M1043", "T1003.001")
    assert "Credential Guard" in answer.text


@pytest.mark.parametrize(
    ("question", "cites"),
    [
        ("Does Cozy Bear use Mimikatz?", ("G0016", "S0002")),
        ("Is T1003 used by APT29?", ("G0016", "T1003.001")),  # by way of its sub-technique
    ],
)
def test_two_names_are_held_against_each_other(knowledge: Knowledge, question: str, cites: tuple[str, ...]) -> None:
    answers = knowledge.answer(question)
    assert [(each.outcome, each.concept, each.sentences[0].cites) for each in answers] == [
        (Outcome.known, "link", cites)]  # fmt: skip


def test_that_nothing_joins_two_things_is_said(knowledge: Knowledge) -> None:
    answer = knowledge.answer("Does Mimikatz use phishing?")[0]
    assert (answer.outcome, answer.concept) == (Outcome.empty, "link")
    assert "records no link between" in answer.text
    assert knowledge.answer("Can Mimikatz slow down a printer while users read mails about phishing?") == []


def test_what_a_named_thing_has_not_is_not_sought_elsewhere(knowledge: Knowledge) -> None:
    assert knowledge.answer("How do I detect APT29?") == []


def test_a_nickname_finds_the_record_that_others_name_so(knowledge: Knowledge) -> None:
    assert knowledge.answer("What is Log4Shell?")[0].subject == "KEV:CVE-2021-44228"
    assert knowledge.answer("how to prevent xss")[0].subject == "CWE-79"


def test_which_entry_a_name_stands_for_is_told(knowledge: Knowledge) -> None:
    answer = knowledge.answer("Which CWE is cross-site scripting?")[0]
    assert (answer.subject, answer.concept) == ("CWE-79", "definition")
    assert "CAPEC-63" in answer.sentences[-1].cites  # another one of that name


def test_one_name_of_two_things_follows_the_domain_that_is_meant(knowledge: Knowledge) -> None:
    assert knowledge.answer("What is phishing?")[0].subject == "T1566"
    assert knowledge.answer("What is phishing on mobile phones?")[0].subject == "T1660"


def test_an_invented_identifier_is_not_known_and_nothing_else_is_said(knowledge: Knowledge) -> None:
    answers = knowledge.answer("Which products are affected by CVE-2031-99999?")
    assert [each.outcome for each in answers] == [Outcome.unknown]
    assert "CVE List v5 (up to 2026-01-02)" in answers[0].text
    told = knowledge.answer("Explain rule 11111111-2222-3333-4444-555555555555")[0]
    assert "no source of Sigma rules is in this pack" in told.text


def test_an_invented_name_is_not_known(knowledge: Knowledge) -> None:
    for question in ("Which techniques does SilverIbex use?", "What is the malware Copper Badger?"):
        assert [each.outcome for each in knowledge.answer(question)] == [Outcome.unknown], question


def test_states_of_an_identifier(knowledge: Knowledge) -> None:
    found = knowledge.look_up("T1003, T1081, CWE-1, CVE-2024-0002, CVE-1999-0009, T9999, CVE-2021-44228")
    assert [each.state for each in found] == [
        State.found, State.withdrawn, State.withdrawn, State.withdrawn, State.named, State.unknown, State.found,
    ]  # fmt: skip
    assert found[1].successor is not None
    assert found[1].successor.id == "T1552.001"


def test_what_was_withdrawn_is_said_with_its_successor(knowledge: Knowledge) -> None:
    answers = knowledge.answer("What does T1081 mean?")
    assert [(each.outcome, each.things) for each in answers] == [(Outcome.withdrawn, ("T1552.001",))]
    assert "Withdrawn by its CNA." in knowledge.answer("How severe is CVE-2024-0002?")[0].text


def test_nothing_recorded_is_said_and_not_filled(knowledge: Knowledge) -> None:
    answer = knowledge.answer("Which groups use T1566?")[0]
    assert (answer.outcome, answer.things) == (Outcome.empty, ())


@pytest.mark.parametrize("question", ["How does a salt protect a password?", "Write me a poem.", "", "Hello!"])
def test_what_is_not_for_the_graph_is_left_to_the_model(knowledge: Knowledge, question: str) -> None:
    assert knowledge.answer(question) == []


def test_search_finds_by_words_and_only_kinds_that_are_wanted(knowledge: Knowledge) -> None:
    assert knowledge.search("dumping the memory of LSASS")[0][0].id == "T1003.001"
    assert {thing.kind for thing, _ in knowledge.search("dumping LSASS", kinds={"tool"})} <= {"tool"}
    assert knowledge.search("zzzz qqqq") == []


def test_with_vectors_both_orders_are_fused(tmp_path: Path) -> None:
    knowledge = Knowledge.open(make_pack(tmp_path, with_vectors=True), letters)
    thing, hit = knowledge.search("dumping the memory of LSASS")[0]
    assert thing.id == "T1003.001"
    assert hit.words > 0
    assert 0 < hit.meaning <= 1.01
    assert knowledge.search("zzzz qqqq") != []  # by meaning alone


def test_every_relation_can_be_asked_for_and_every_concept_answers_something() -> None:
    concepts = Concepts.load()
    asked = {relation.concept for relation in TABLE}
    words = {
        "component": "log sources", "defence": "defensive techniques",
        "falsepositive": "false positives", "subtechnique": "sub-techniques",
        "before": "comes before", "after": "comes after", "pattern": "attack patterns", "case_study": "case studies",
    }  # fmt: skip
    for concept in asked:
        assert wanted(concepts.cues(f"Which {words.get(concept, concept)}?")).get(concept, 0) >= 2, concept
    assert {name for name, _, _ in concepts._readers} == asked
