"""What stands within something else: a mail address in a link, an address cut by what stays, a scheme in capitals."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards.sanitize import Sanitizer

PARTS = st.sampled_from(
    ["HTTPS://EVIL.RU/", "?m=", "jane.doe@acme-corp.de", "&ip=", "FTP://a.bad.ru/q", "185.220.101.34",
     "https://bad.ru/",
     "password=", "Tr0ub4dor3x", " ", "/", "Invoke-Mimikatz", "2a00:1450:4001:82a::200e", ":", "dc01.corp.acme.lan",
     "@", "evil.com", "4539 1488 0343 6467", "+49 170 1234567", "AKIAQYLPMN5HFIQR7XYA", "hxxp://", "[.]", "<", '"', ".",
     "001"]
)  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> Sanitizer:
    return Sanitizer.load(b"key", model=False)


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=9).map("".join))
def test_finds_within_finds_are_one_stretch_and_leave_nothing(rules: Sanitizer, text: str) -> None:
    made = rules.clean(text)
    again = rules.clean(made.text)
    assert (again.text, again.spans) == (made.text, ())
    assert all(before[1] <= after[0] for before, after in zip(made.spans, made.spans[1:], strict=False))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see https://evil.ru/a?m=jane.doe@acme-corp.de&ip=185.220.101.34", r"see hxxps://evil\[\.\]ru/a\?m=\[EMAIL-\w{6}\]&ip=\S+\.34"),
        ("HTTPS://EVIL.RU/?m=jane.doe@acme-corp.de&x=1", r"hxxpS://EVIL\[\.\]RU/\?m=\[EMAIL-\w{6}\]&x=1"),
        ("from IP address 5.8.18.7 and src=2.16.5.9", r"from IP address (?!5)\S+\.7 and src=(?!2\.)\S+\.9"),
        ("AUTH_TOKEN=0f3a9c1b7d2e4f60a1b2c3d4e5f60718", r"AUTH_TOKEN=\[SECRET-\w{6}\]"),
        ("md5 0f3a9c1b7d2e4f60a1b2c3d4e5f60718", r"md5 0f3a9c1b7d2e4f60a1b2c3d4e5f60718"),
        ("root@dc01.corp.local", r"root@\[HOST-\w{6}\]"),
    ],
)  # fmt: skip
def test_what_is_within_leaves_too(rules: Sanitizer, text: str, clean: str) -> None:
    made = rules.clean(text)
    assert re.fullmatch(clean, made.text), made.text
