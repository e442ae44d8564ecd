"""Which facts count as the right answer, family by family."""

import pytest

from train.evaluation import relations

CHOICE = "Which is it?\nA) Audit (M1047)\nB) User Training (M1017)\nC) Code Signing (M1045)\nD) Backup (M1053)"
READ = "In CVSS 3.1 it says:\n- Attack Vector: Network\n- Attack Complexity: Low\n- Scope: Unchanged"
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H"

ROWS = [
    # form, question, reference, subject, answer, right
    ("relation.parts", "Variants of Indicator Removal?", "It (T1070) has: A (T1070.001), B (T1070.002).", "T1070",
     "T1070.002 and T1070.001", True),
    ("relation.parts", "Variants of Indicator Removal?", "It (T1070) has: A (T1070.001), B (T1070.002).", "T1070",
     "T1070.001", False),
    ("relation.parts", "Variants of Indicator Removal?", "It (T1070) has: A (T1070.001), B (T1070.002).", "T1070",
     "T1070.001, T1070.002, T1070.003", False),
    ("weakness.which", "What is CVE-2024-22824?", "It is classified as X (CWE-434).", "CVE-2024-22824",
     "CVE-2024-22824 is CWE-434, used in T1505.", True),
    ("weakness.which", "What is CVE-2024-22824?", "It is classified as X (CWE-434).", "CVE-2024-22824",
     "CWE-434 or CWE-79", False),
    ("weakness.which", "What is CVE-2024-22824?", "It is classified as X (CWE-434).", "CVE-2024-22824", "", False),
    ("cvss.write", "Which vector?", f"The vector is {VECTOR}.", "CVE-2024-1", f"It is {VECTOR}", True),
    ("cvss.write", "Which vector?", f"The vector is {VECTOR}.", "CVE-2024-1", VECTOR.replace("I:N", "I:L"), False),
    ("cvss.write", "Which vector?", f"The vector is {VECTOR}.", "CVE-2024-1", "CVSS:3.1/AV:N", False),
    ("cvss.read", "Read it.", READ, "CVE-2024-1", READ.replace("- ", "* "), True),
    ("cvss.read", "Read it.", READ, "CVE-2024-1", READ.replace("Low", "High"), False),
    ("cvss.metric", "What is C:L?", "C:L means Confidentiality with the value Low.", "CVE-2024-1",
     "Confidentiality: Low", True),
    ("cvss.metric", "What is C:L?", "C:L means Confidentiality with the value Low.", "CVE-2024-1",
     "Confidentiality is high", False),
    ("truth.statement", "X is Y?", "True: X is Y.", "X", "Yes, that is correct.", True),
    ("truth.statement", "X is Y?", "True: X is Y.", "X", "That is not true.", False),
    ("truth.statement", "X is Y?", "False. X is Z.", "X", "No, X is Z.", True),
    ("truth.statement", "X is Y?", "False. X is Z.", "X", "This is incorrect.", True),
    ("truth.statement", "X is Y?", "False. X is Z.", "X", "X is a thing.", False),
    ("choice.mitigation", CHOICE, "It is B) User Training (M1017).", "T1078", "B", True),
    ("choice.mitigation", CHOICE, "It is B) User Training (M1017).", "T1078", "The answer is B.", True),
    ("choice.mitigation", CHOICE, "It is B) User Training (M1017).", "T1078", "User training (M1017), of course", True),
    ("choice.mitigation", CHOICE, "It is B) User Training (M1017).", "T1078", "A) Audit\nB) User Training", False),
    ("unknown.invented", "What is CWE-40576?", "I find no weakness called CWE-40576.", "CWE-40576",
     "I do not know this number.", True),
    ("unknown.invented", "What is CWE-40576?", "I find no weakness called CWE-40576.", "CWE-40576",
     "CWE-40576 is a weakness in parsers.", False),
    ("unknown.gone", "What is T1168?", "ATT&CK has revoked it (T1168). Its place was taken by T1053.", "T1168",
     "It was deprecated; see T1053.", True),
    ("unknown.gone", "What is T1168?", "ATT&CK has revoked it (T1168). Its place was taken by T1053.", "T1168",
     "T1053", False),
]  # fmt: skip


@pytest.mark.parametrize(("form", "question", "reference", "subject", "answer", "right"), ROWS)
def test_the_facts_decide_and_not_the_words(form, question, reference, subject, answer, right):
    wanted = relations.expected(form, question, reference, subject)
    assert wanted
    assert relations.exact(form, question, answer, subject, wanted) is right
    assert relations.exact(form, question, reference, subject, wanted)


@pytest.mark.parametrize(
    ("form", "reference"),
    [
        ("cvss.score", "The record states 4.8."),
        ("define.flaw", "It is CWE-79."),
        ("relation.pattern_fixes", "Filter the input."),
        ("relation.parts", "It has " + "many words " * 40 + "T1070.001."),
    ],
)
def test_rows_that_cannot_be_judged_are_not_used(form, reference):
    assert not relations.expected(form, "What?", reference, "X")


def test_overlap_is_f1():
    assert relations.overlap(frozenset("ab"), frozenset("bc")) == 0.5
    assert relations.overlap(frozenset(), frozenset()) == 1.0
