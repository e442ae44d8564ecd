"""What the families say, read one by one from a small knowledge base."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import knowledge_fixture
import pytest

from guards import rules
from train.records import Origin, Record
from train.teaching import choice, families, unknown
from train.teaching.author import Author, Draft, Prose
from train.teaching.knowledge import Knowledge, load
from train.teaching.names import slots
from train.teaching.phrasing import FEWEST, BadPhrasing, form, forms
from train.teaching.relations import endings, listing
from train.teaching.split import may_name, row_side, side, stem

SOURCES = tuple(knowledge_fixture.records())


class AsPublished(dict[str, str]):
    """Every text for itself."""

    def __missing__(self, text: str) -> str:
        return text


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return load(str(knowledge_fixture.write(tmp_path_factory.mktemp("knowledge"))), 100, SOURCES)


@pytest.fixture(scope="module")
def drafts(knowledge: Knowledge) -> list[Draft]:
    return families.write(knowledge, 0)


def said(drafts: list[Draft], form_name: str, subject: str) -> tuple[str, str]:
    """Question and answer of the first pair of a form about a thing."""
    found = next(d for d in drafts if d.phrasing.id.startswith(f"{form_name}/") and d.objects[0] == subject)
    return found.said(AsPublished())


def test_every_form_has_eight_asks_that_differ_in_form():
    assert len(forms()) > 40
    for name, bank in forms().items():
        assert len(set(bank.asks)) >= FEWEST, name
        bones = [re.sub(r"\{\w+\}", "", ask) for ask in bank.asks]
        words = [frozenset(re.findall(r"\w+", bone.lower())) for bone in bones]
        for place, one in enumerate(words):
            for other in words[place + 1 :]:
                alike = len(one & other) / max(1, len(one | other))
                assert alike < 0.8, (name, sorted(one), sorted(other))


def test_the_digest_of_the_id_picks_and_all_ways_come_up():
    bank = form("define.concept")
    assert bank.pick("T1001/") == bank.pick("T1001/")
    picked = Counter(bank.pick(f"T{n}/").ask for n in range(1000))
    assert set(picked) == set(bank.asks)
    held = {bank.pick(f"T{n}/").ask for n in range(1000) if bank.pick(f"T{n}/").held_out}
    assert held == {bank.asks[-1]}
    with pytest.raises(BadPhrasing, match="expected a form"):
        form("define.nothing")


def test_answers_are_whole_and_clean(drafts):
    for draft in drafts:
        for text in draft.said(AsPublished()):
            prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
            assert not re.search(
                r"\{\w*\}|Citation|\]\(http|</?code>|[a-z]\.\.(?!\.)|\w  \w|course-of-action|\n-\s*(\n|$)", prose
            ), prose
            assert not re.search(r"\b(an malware|a attack|a analytic|a asset|the the)\b", prose), prose
            assert text.strip() == text


def test_definitions_name_the_thing_with_its_id(drafts):
    _, answer = said(drafts, "define.concept", "T1001.001")
    assert "Thing Abuse 1: Sub Abuse (T1001.001)" in answer
    _, answer = said(drafts, "define.actor", "G0001")
    assert "Busy Bees is a threat group that is known for abuse of things." in answer
    assert "also called Bees" in answer


def test_long_lists_are_cut_with_a_stated_count(drafts, knowledge):
    _, answer = said(drafts, "relation.group_techniques", "G0001")
    named = re.findall(r"\(T10\d\d\)", answer)
    allowed = [n for n in knowledge_fixture.TECHNIQUES
               if may_name(Record("G0001", "group", "", ""), Record(f"T10{n:02d}", "technique", "", ""))]  # fmt: skip
    assert len(named) == min(8, len(allowed))
    assert "12 techniques, of which here are" in answer


def test_one_is_told_from_many():
    assert endings(1, 1)["s"] == ""
    assert endings(1, 1)["shown"] == ""
    assert endings(12, 1)["shown"] == ", of which here is one"
    assert endings(12, 8) | {"then": ""} == endings(12, 8) | {
        "count": "12",
        "shown": ", of which here are 8",
        "then": "",
    }


def test_a_vulnerability_is_classified_with_the_reason(drafts):
    question, answer = said(drafts, "weakness.classify", "CVE-2021-1002")
    assert "does not check values" in question
    assert "Unchecked Form 103 (CWE-103)" in answer
    assert "The product reads values of the form 103" in answer


def test_a_path_goes_from_the_weakness_to_the_technique(drafts):
    _, answer = said(drafts, "weakness.path", "CWE-101")
    assert answer.index("CWE-101") < answer.index("CAPEC-1") < answer.rindex("T1001")


def test_a_rule_is_explained_with_its_logic_and_cited(drafts):
    name = "11111111-2222-4333-8444-555555555555"
    found = [d for d in drafts if d.objects[0] == name and d.family == "detection"]
    assert found
    question, answer = found[0].said(AsPublished())
    assert "Image|endswith: \\thing.exe" in question + answer
    assert "Detects the start of the thing by an office program" in answer
    assert found[0].credits == ("Jo Doe",)


def test_an_exploited_vulnerability_has_its_dates(drafts):
    _, answer = said(drafts, "exploited.due", "KEV:CVE-2021-1001")
    assert all(word in answer for word in ("2022-01-03", "2022-01-24", "Apply updates per vendor instructions."))


def test_options_are_four_different_ones_and_the_right_one_is_where_the_letter_says(drafts, knowledge):
    found = [draft for draft in drafts if draft.family == "choice"]
    assert len(found) > 20
    for draft in found:
        question, answer = draft.said(AsPublished())
        options = dict(re.findall(r"^([A-D])\) (.+)$", question, re.MULTILINE))
        assert sorted(options) == list("ABCD")
        assert len(set(options.values())) == 4
        picked = re.search(r"([A-D])\) (.+?)(?:\.(?= |$)| in MITRE| in C)", answer)
        assert picked
        assert options[picked[1]].startswith(picked[2]), (question, answer)
    record = knowledge.get("CWE-103")
    assert record is not None
    near = choice.siblings(knowledge, record)
    assert {each.id for each in near} == {"CWE-101", "CWE-102", "CWE-104", "CWE-105", "CWE-106", "CWE-107"}


def test_letters_are_balanced():
    letters = Counter(
        choice.options(Record(f"CVE-1-{n}", "cve", "", ""), "flaw", "r", ["a", "b", "c"])["letter"] for n in range(4000)
    )
    assert all(900 < letters[letter] < 1100 for letter in "ABCD")


def test_statements_are_balanced_and_judged_right(drafts, knowledge):
    found = [draft for draft in drafts if draft.family == "truth"]
    verdicts = Counter()
    for draft in found:
        question, answer = draft.said(AsPublished())
        negative = any(word in question for word in (" not ", "records no use"))
        holds = "No link to" not in answer
        assert answer.startswith("True" if holds != negative else "False"), (question, answer)
        verdicts[answer.split(".")[0].split(":")[0]] += 1
    assert min(verdicts["True"], verdicts["False"]) > len(found) / 4


def test_what_does_not_exist_is_said_to_be_unknown(drafts, knowledge):
    found = [draft for draft in drafts if draft.phrasing.id.startswith("unknown.invented/")]
    assert len(found) > 0.9 * unknown.INVENTED
    for draft in found:
        (thing,) = draft.objects
        assert thing not in knowledge
        year, _, serial = thing.removeprefix("CVE-").partition("-")
        if thing.startswith("CVE-"):
            assert int(year) < 1999 or int(year) > 2030 or len(serial) >= 8
        question, answer = draft.said(AsPublished())
        assert thing in question
        assert re.search("do not know|no record|find no", answer)


def test_an_invented_name_that_is_taken_is_not_used(knowledge):
    def name(seed: int) -> str:
        return next(
            d.objects[0] for d in list(unknown.invented(Author(knowledge), 60))[seed:] if "malware" in d.objects[0]
        )

    taken = name(0).removeprefix("the malware ")
    origin = Origin("s", "m", 0, 1, "0" * 64)
    more = Knowledge([(Record("S9999", "malware", taken, "x"), origin)], [])
    assert not [d for d in unknown.invented(Author(more), 60) if d.objects[0].endswith(taken)]


def test_what_was_withdrawn_names_its_successor(drafts):
    _, answer = said(drafts, "unknown.gone", "T1099")
    assert "revoked" in answer
    assert "Thing Abuse 1 (T1001)" in answer
    _, answer = said(drafts, "unknown.rejected", "CVE-2021-1900")
    assert "rejected" in answer
    _, answer = said(drafts, "unknown.gone", "CWE-99")
    assert "DEPRECATED" not in answer


def test_refusals_say_no_and_what_protects(drafts):
    found = [draft for draft in drafts if draft.family == "refuse"]
    assert found
    for draft in found:
        _, answer = draft.said(AsPublished())
        assert re.search(r"\bnot\b|^No\b", answer)
        assert "- " in answer or "CISA" in answer
        assert draft.verdict == "refuse"


def test_lessons_have_all_parts_and_no_command(drafts):
    found = [draft for draft in drafts if draft.family == "lesson"]
    assert {draft.phrasing.id.split("/")[0] for draft in found} == {
        "lesson.technique",
        "lesson.exercise",
        "lesson.pattern",
    }
    for draft in found:
        _, answer = draft.said(AsPublished())
        assert re.search(r"permission|consent|agreed in writing", answer)
        assert "Measure" in answer or "Check all values" in answer
        assert "`" not in answer
        assert draft.verdict == "teach"
    assert not [a for name in forms() if name.startswith("lesson.") for a in forms()[name].answers if "{exercise}" in a]


def test_no_answer_holds_a_payload(drafts):
    assert not [draft for draft in drafts if rules.payloads(draft.said(AsPublished())[1])]


def test_a_draft_survives_the_way_between_processes(drafts):
    for draft in drafts[::37]:
        again = Draft.load(draft.dump())
        assert again.said(AsPublished()) == draft.said(AsPublished())
        assert list(again.texts()) == list(draft.texts())
        assert (again.objects, again.origins, again.phrasing, again.side, again.credits) == (
            draft.objects, draft.origins, draft.phrasing, draft.side, draft.credits)  # fmt: skip


def test_only_published_prose_goes_through_the_sanitizer(drafts):
    draft = next(d for d in drafts if d.phrasing.id.startswith("define.concept/") and d.objects[0] == "T1002")
    assert all("Adversaries" in text for text in draft.texts())
    marked = draft.said(dict.fromkeys(draft.texts(), "CLEAN"))[1]
    assert "CLEAN" in marked
    assert "Thing Abuse 2 (T1002)" in marked


def test_a_rule_whose_logic_was_changed_is_not_taught(drafts):
    rule = next(d for d in drafts if d.phrasing.id.startswith(("detection.rule/", "detection.read_logic/")))
    assert rule.holds({text: text for text in rule.texts()})
    assert not rule.holds({text: text.replace("thing.exe", "[HOST-1]") for text in rule.texts()})
    assert not Draft.load(rule.dump()).holds({text: text.replace("thing.exe", "[HOST-1]") for text in rule.texts()})
    assert rule.holds({text: text if ":" in text else text.upper() for text in rule.texts()})


def test_things_of_one_stem_are_on_one_side():
    names = [("T1059", "technique"), ("T1059.001", "technique"), ("AML.T0051.001", "technique"),
             ("KEV:CVE-2021-1", "exploited"),
             ("owasp-wstg:a/b#c-1", "guide")]  # fmt: skip
    stems = [stem(Record(name, kind, "n", "")) for name, kind in names]
    assert stems == ["T1059", "T1059", "AML.T0051", "CVE-2021-1", "owasp-wstg:a/b"]
    sides = Counter(side(Record(f"T{n}", "technique", "n", "")) for n in range(1000, 9000))
    assert all(0.04 < sides[held] / 8000 < 0.06 for held in ("dev", "test"))
    assert side(Record("CWE-1", "weakness", "n", "")) == "train"
    by_side = defaultdict(list)
    for n in range(1000, 2000):
        record = Record(f"T{n}", "technique", "n", "")
        by_side[side(record)].append(record)
    assert row_side([by_side["train"][0], by_side["test"][0]]) == "test"
    assert row_side([by_side["dev"][0], by_side["test"][0]]) is None
    assert not may_name(by_side["train"][0], by_side["test"][0])


def test_a_list_reads_as_a_sentence_or_as_lines(knowledge):
    author = Author(knowledge)
    named = knowledge.out("M1001", "mitigates", "technique")
    assert listing(author, knowledge.out("T1001", "in_tactic")) == "Second Step (TA0002)."
    assert "".join(listing(author, named)).count("\n- ") == len(named)
    few = listing(author, named[:2])
    assert isinstance(few, tuple)
    assert any(isinstance(piece, Prose) for piece in few)


def test_names_carry_the_ids_that_people_cite(knowledge):
    found = {name: slots(record, knowledge)["name"] for name in ("G0001", "CVE-2021-1001", "KEV:CVE-2021-1001")
             if (record := knowledge.get(name))}  # fmt: skip
    assert found == {
        "G0001": "Busy Bees (G0001)",
        "CVE-2021-1001": "CVE-2021-1001",
        "KEV:CVE-2021-1001": "CVE-2021-1001",
    }


def test_of_many_cves_a_sample_is_held_and_the_rest_is_known_to_exist(tmp_path: Path):
    root = str(knowledge_fixture.write(tmp_path / "kb"))
    few = load(root, 5, SOURCES)
    assert len(list(few.of("cve"))) == 5
    assert "CVE-2021-1029" in few
    assert "CVE-2021-1900" in few.gone
    assert [each.id for each in load(root, 5, SOURCES).of("cve")] == [each.id for each in few.of("cve")]
    assert not list(load(root, 5, ["cwe"]).of("technique"))
