"""For any text: what is clean stays clean, spans cover exactly what changed, and length costs in proportion."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guards.sanitize import Sanitizer

PARTS = st.sampled_from(
    ["Jane Doe", " ", "at ", "Northgate Dental Ltd", "185.220.101.34", "10.0.19041.1", "CVE-2024-1234", "evil.com",
     "https://bad.ru/a", "evil[.]com", "jane@acme.de", "dc01.corp.local", "password=", "Tr0ub4dor3", "\n", "T1059",
     "[PERSON-0a1b2c]", "2001:db8::1", "2a00:1450::1", "Invoke-Mimikatz", "+49 170 1234567", ".", ",", "(",
     "\U0001f600", "é", "\ud800", "İ"]
)  # fmt: skip
TEXTS = st.lists(PARTS | st.text(max_size=6), max_size=14).map("".join)


@pytest.fixture(scope="module", params=[False, True], ids=["rules", "model"])
def sanitizer(request: pytest.FixtureRequest) -> Sanitizer:
    return Sanitizer.load(b"key", model=request.param)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(sanitizer: Sanitizer, text: str) -> None:
    made = sanitizer.clean(text)
    again = sanitizer.clean(made.text)
    assert again.text == made.text
    assert again.spans == ()
    assert sanitizer.clean(text) == made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_spans_cover_exactly_what_changed(sanitizer: Sanitizer, text: str) -> None:
    made = sanitizer.clean(text)
    outside, last = [], 0
    for start, end, _ in made.spans:
        assert last <= start < end <= len(text)
        outside.append(text[last:start])
        last = end
    outside.append(text[last:])
    place = 0
    for number, part in enumerate(outside):  # the untouched parts stand in the result, in order
        found = made.text.find(part, place)
        assert found >= 0 if number else found == 0
        place = found + len(part)
    assert made.text.endswith(outside[-1])
    assert bool(made.spans) == (made.text != text)


def test_the_cost_is_linear_in_the_text() -> None:
    sanitizer = Sanitizer.load(b"key", model=False)
    for unit in (
        "a" * 60,
        "1.2.3.4 ",
        "a.b.",
        "key=",
        "((((",
        "password: x1 ",
        "https://x.ru/",
        "-----BEGIN ",
        "  ",
        "@a.b",
        "$1$aa",
    ):
        short, long = unit * (4000 // len(unit)), unit * (32000 // len(unit))
        sanitizer.clean(short)
        started = time.process_time()
        sanitizer.clean(short)
        middle = time.process_time()
        sanitizer.clean(long)
        assert time.process_time() - middle < 40 * (middle - started) + 0.5, unit
