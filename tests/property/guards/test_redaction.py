"""Whatever the rules would find in a whole answer is gone from it when it leaves window by window, however chunked."""

import base64
import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from guards import rules
from guards.stream import Windows
from guards.verdict import redact


def key(kind: str, lines: int, seed: int, width: int = 64) -> str:
    raw = random.Random(seed).randbytes(lines * width * 3 // 4)  # noqa: S311
    packed = base64.b64encode(raw).decode()
    body = "\n".join(packed[at : at + width] for at in range(0, len(packed), width))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


FIRST = "KEY-----\n"
HEADER = FIRST + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES, 0A\n\n"
OPENSSH = FIRST + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEb"
SECRETS = {
    "aws": "AKIAQ3EGRTYUIOPASDFG",
    "github": "ghp_" + "aB3" * 12,
    "gitlab": "glpat-" + "aB3-" * 6,
    "slack": "xoxb-" + "72635419806-" * 3 + "abcd",
    "jwt": "eyJ" + "aB3dE" * 300 + ".eyJ" + "fG6hI" * 500 + "." + "jK9lM" * 150,
    "mail": "bob.miller@acme-corp.com",
    "phone": "+49 170 123 4567",
    "phone with brackets": "+44 (20) 79 46 01",
    "phone in America": "(212) 867-5309",
    "ssn": "536-22-8726",
    "card": "4539 1488 0343 6467",
    "card with dashes": "4539-1488-0343-6467",
    "card in one": "4539148803436467",
    "iban": "DE89 3704 0044 0532 0130 00",
    "iban half spaced": "GB29NWBK 6016 1331 9268 19",
    "iban of letters": "FR14 2004 1010 0505 0001 3M02 606",
    "key": key("PRIVATE KEY", 26, 2),
    "long key": key("RSA PRIVATE KEY", 100, 3),
    "openssh": key("OPENSSH PRIVATE KEY", 40, 4, 70).replace(FIRST, OPENSSH, 1),
    "headed": key("RSA PRIVATE KEY", 12, 1).replace(FIRST, HEADER, 1),
    "pgp": key("PGP PRIVATE KEY BLOCK", 80, 5),
    "in json": json.dumps({"private_key": key("PRIVATE KEY", 26, 6) + "\n"}),
    "quoted": key("PRIVATE KEY", 26, 7).replace("\n", "\n> "),
    "in one line": key("PRIVATE KEY", 26, 8).replace("\n", " "),
    "narrow": key("PRIVATE KEY", 60, 9, 16),
}  # fmt: skip
WORDS = st.sampled_from(
    ["some words go before it. ", "word ", "A sentence that is long enough for it. ", "\n", "\n\n", "```\n", "key: ",
     "4111 ", "1. ", "HTTP ", "(see) ",
     "-----BEGIN PRIVATE KEY----- is its first line. ", "one two three four five six seven "]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=14).map("".join)
SIZES = st.lists(st.integers(1, 30), max_size=80)


def found(text: str) -> set[str]:
    return {text[start:end] for start, end, _ in (*rules.secrets(text), *rules.personal_data(text))}


def sent(text: str, sizes: list[int]) -> str:
    """As the Gateway sends it: each window made clean by itself."""
    machine, windows, at = Windows(), [], 0
    for size in sizes:
        windows += machine.push(text[at : at + size])
        at += size
    windows += machine.push(text[at:]) + machine.flush()
    return "".join(redact(w, (*rules.secrets(w), *rules.personal_data(w))) for w in windows)


def test_each_of_them_is_a_secret_to_the_rules():
    assert [name for name, secret in SECRETS.items() if not found(f"It is {secret} there.")] == []


@settings(max_examples=400, deadline=None)
@given(TEXT, st.sampled_from(sorted(SECRETS)), TEXT, SIZES)
def test_no_secret_leaves_wherever_it_stands(before, name, after, sizes):
    text = f"{before}{SECRETS[name]} {after}"
    out = sent(text, sizes)
    assert [secret for secret in found(text) if secret in out] == []


@settings(max_examples=150, deadline=None)
@given(TEXT, st.sampled_from(["key", "long key", "openssh", "headed", "pgp", "quoted"]), TEXT, SIZES)
def test_no_part_of_a_key_leaves(before, name, after, sizes):
    out = sent(f"{before.replace('-----BEGIN PRIVATE KEY-----', '')}\n{SECRETS[name]}\n{after}", sizes)
    lines = [line for line in SECRETS[name].splitlines() if len(line) >= 40]
    assert [line for line in lines if line[:40] in out] == []


@settings(max_examples=100, deadline=None)
@given(TEXT, st.integers(200, 1500), SIZES)
def test_no_part_of_a_key_that_is_broken_off_leaves(before, length, sizes):
    out = sent(f"{before.replace('-----BEGIN PRIVATE KEY-----', '')}\n{SECRETS['key'][:length]}", sizes)
    assert SECRETS["key"][30:90] not in out
    assert "[PRIVATE_KEY]" in out


@settings(max_examples=100, deadline=None)
@given(TEXT, SIZES)
def test_text_without_secrets_leaves_as_it_is(text, sizes):
    if not found(text):
        assert sent(text, sizes) == text


def test_prose_about_keys_is_left_alone():
    prose = (
        "A PEM file begins with -----BEGIN PRIVATE KEY----- and then holds lines of base64. Never paste one here. "
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY----- is how a manual shows it, and "
        "-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY----- another. Administrators store them apart."
    )
    assert found(prose) == set()
    assert len(Windows().push(prose + " The end")) >= 2
