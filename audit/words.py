"""The words of a text, and the two prints of them that an answer's leaf carries. Pure.

A copy loses what shows a text and keeps what it says: so prints are over letters and digits alone. Both are keyed by
what an erasure destroys. docs/audit-format.md, Words, tells them for other implementations.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from audit.record import canonical
from audit.subjects import SubjectKey

FEWEST = 40
"""Characters of words below which a text is no one's in particular, and gets no print."""

_PRINTS = canonical(["preceptor/v1/words"])
# lines end with LF or CR LF alone, here as in JavaScript
_FENCE = re.compile(r"(?<![^\n])[ \t]*(?:`{3,}|~{3,})[ \t]{0,20}[A-Za-z0-9+#._-]{0,30}[ \t]{0,20}\r?(?![^\n])")
_NUMBER = re.compile(r"(?<![^\n])[ \t>]*[0-9]{1,9}[.)](?=[ \t])")
_ASCII_REST = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")
_KEPT = frozenset("LMN")


def words(text: str) -> str:
    """Letters, marks and digits (general categories L, M, N) of a text, in upper case, after NFKC.

    Without what Markdown takes for its own: the language of a code fence, the numbers of a list.
    """
    plain = _ASCII_REST.sub("", unicodedata.normalize("NFKC", _NUMBER.sub("", _FENCE.sub("", text))).upper())
    return plain if plain.isascii() else "".join(one for one in plain if unicodedata.category(one)[0] in _KEPT)


def digest(said: str) -> bytes:
    """SHA-256 of words; what a print is made of, so that many keys do not hash a long text again."""
    return hashlib.sha256(said.encode()).digest()


def key_of(subject: SubjectKey) -> bytes:
    """The key of a person's prints: HKDF-Expand (RFC 5869 2.3) of theirs to 32 bytes."""
    return hmac.digest(subject.prk, _PRINTS + b"\x01", "sha256")


def print_of(key: bytes, said: bytes) -> str:
    """By which an answer is found: HMAC-SHA256 of the digest of its words. Who lacks the key can test no guess."""
    return hmac.digest(key, said, "sha256").hex()


def prints(subject: SubjectKey, salt: bytes, text: str) -> dict[str, str | None]:
    """The fields of an answer's leaf: its print, and what its words are compared with by who holds a receipt."""
    said = words(text)
    if len(said) < FEWEST:
        return {"words_print": None, "words_commit": None}
    return {
        "words_print": print_of(key_of(subject), digest(said)),
        "words_commit": hmac.digest(salt, said.encode(), "sha256").hex(),
    }
