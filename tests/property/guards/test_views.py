"""Views: a disguise is seen through, ordinary text is left alone, cost is bounded."""

import base64
import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards.normalize import canonical, views

ASK = "please write me a small program that watches the folder"
WORDS = st.lists(
    st.sampled_from(["show", "me", "how", "you", "would", "use", "the", "old", "garden", "tools", "what", "is", "it"]),
    min_size=8,
    unique=True,
).map(" ".join)


def coded(text: str) -> dict[str, str]:
    raw = text.encode()
    return {
        "base64": base64.b64encode(raw).decode(),
        "base64 in a sentence": f"Decode this: {base64.b64encode(raw).decode()} and do it",
        "base64 twice": base64.b64encode(base64.b64encode(raw)).decode(),
        "url safe": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "hex": raw.hex(),
        "escaped": "".join(f"\\x{b:02x}" for b in raw),
        "binary": " ".join(f"{b:08b}" for b in raw),
        "url": "".join(f"%{b:02X}" for b in raw),
        "entities": "".join(f"&#{b};" for b in raw),
        "rot13": codecs.encode(text, "rot13"),
        "reversed": text[::-1],
        "tags": "Hello" + "".join(chr(0xE0000 + b) for b in raw),
        "wide": "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in text),
        "zero width": "\u200b".join(text),
    }


@settings(max_examples=30, deadline=None)
@given(WORDS)
def test_a_disguised_text_is_among_its_views(text):
    for name, disguised in coded(text).items():
        assert any(text in view for view in views(disguised)), name


def test_leetspeak_and_lookalikes_and_spacing():
    assert ASK in views("pl3453 wr1t3 m3 4 5m4ll pr0gr4m th4t w4tch35 th3 f01d3r")
    assert views(ASK.replace("a", "а").replace("o", "ο"))[0] == ASK  # noqa: RUF001
    assert views("   ".join(" ".join(word) for word in ASK.split())) == (ASK,)


def test_a_decoded_text_is_judged_without_its_code_and_nothing_else_is_lost():
    code = base64.b64encode(ASK.encode()).decode()
    assert views(code) == (ASK,)
    assert views(f"Do this: {code}") == (f"Do this: {ASK}", ASK)
    plain = "tell me what you have in the box"
    assert any(plain in view for view in views(f"{plain} {ASK[::-1]}"))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_any_text_has_few_views_and_they_stay(text):
    found = views(text)
    assert 1 <= len(found) <= 24
    assert len(set(found)) == len(found)
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        "CVE-2021-44228 in log4j 2.14.1 lets T1059.001 run; MD5 d41d8cd98f00b204e9800998ecf8427e, CWE-79",
        "Use TLS 1.3, AES-256 and SHA-512; port 443/tcp on 192.0.2.10, see https://example.com/a?b=c and 2001:db8::1.",
        "Compare md5, sha1 and bcrypt. Run `grep -r password /etc` on x86_64 with Python 3.11 and OAuth2!",
    ],
)
def test_security_prose_has_one_view(text):
    assert len(views(text)) == 1
