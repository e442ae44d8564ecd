"""Text written in code: base64, base32, hexadecimal, octal, decimal and binary numbers, URL, HTML, Morse, and bytes
that hide in characters which nobody sees.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable
from urllib.parse import unquote

from guards import english

_CHUNK = r"[A-Za-z0-9+/_-]{8,}={0,2}"
_EDGE, _END = r"(?<![A-Za-z0-9+/=_-])", r"(?![A-Za-z0-9+/=_-])"
_BASE64 = re.compile(rf"{_EDGE}={{0,2}}{_CHUNK}(?:\s+{_CHUNK})*(?:\n[A-Za-z0-9+/_-]{{1,7}}={{0,2}})?{_END}")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z0-9=])(?![A-Z]?[a-z/_-]+$)")
_BASE32 = re.compile(rf"{_EDGE}[A-Z2-7]{{16,}}={{0,6}}{_END}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:\\x|\\u00|0x|%|=)?[0-9A-Fa-f]{2}[\s,:;-]{0,2}){8,}(?![0-9A-Za-z])")
_HEX_MARKS = re.compile(r"\\x|\\u00|0x|[%=\s,:;-]")
_OCTAL = re.compile(r"(?:\\[0-7]{3}){6,}")
_DECIMAL = re.compile(r"(?<!\d)(?:\d{2,3}[\s,;]{1,2}){7,}\d{2,3}(?!\d)")
_BINARY = re.compile(r"(?<![01])(?:[01]{8}\s?){6,}(?![01])")
_URL = re.compile(r"(?:%[0-9A-Fa-f]{2}.{0,12}){3}")
_ENTITY = re.compile(r"&#?\w{2,8};")
_MORSE = re.compile(r"(?<![.-])(?:[.-]{1,6}[ /|\n]{1,3}){7,}[.-]{1,6}(?![.-])")
_SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. .----. -..-. ---... -....-"
)
_LETTERS = dict(zip(_SIGNS.split(), "abcdefghijklmnopqrstuvwxyz0123456789.,?'/:-", strict=True))
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")  # of an emoji there is one at a time
_TELLING = 16  # characters: so many printable ones do not come about by chance

Decode = Callable[[str], str | None]


def decoded(text: str) -> list[str]:
    """For each kind of code: the text with its codes read in place, and what was read alone."""
    found = [new for pattern, decode in _CODES for new in replaced(text, pattern, decode)]
    if "%" in text and _URL.search(text):
        found.append(unquote(text))
    if "&" in text and _ENTITY.search(text):
        found.append(html.unescape(text))
    return [new for new in found if new != text]


def hidden(text: str) -> list[str]:
    """What variation selectors spell, one byte each, where there is a row of them: invisible, and read by models."""
    if text.isascii():
        return []
    rows = [_plausible(bytes(map(_selected, row))) for row in _SELECTORS.findall(text)]
    return [" ".join(row for row in rows if row)] if any(rows) else []


def _selected(selector: str) -> int:
    code = ord(selector)
    return code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16


def read(code: str) -> str | None:
    """What a text says that is nothing but one base64 or hexadecimal code."""
    if len(code) < _TELLING:
        return None
    return _from_hex(code) if _HEX.fullmatch(code) else _from_base64(code)


def replaced(text: str, pattern: re.Pattern[str], decode: Decode) -> list[str]:
    """Decode every match: the text with the matches decoded in place, and the decoded parts alone."""
    found: list[str] = []

    def put(match: re.Match[str]) -> str:
        plain = decode(match.group())
        if plain is None:
            return match.group()
        found.append(plain)
        return f" {plain} "

    whole = pattern.sub(put, text)
    return [whole, " ".join(found)] if found else []


def _plausible(raw: bytes) -> str | None:
    """The text of decoded bytes when it reads like text: all printable, and words, or too long for chance."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if len(text) < 6 or not all(c.isprintable() or c.isspace() for c in text):
        return None
    words = sum(c.isalnum() or c.isspace() for c in text)
    if len(text) >= _TELLING:
        return text if words >= 0.6 * len(text) or english.share(text) >= 0.5 else None
    return text if words >= 0.8 * len(text) and english.share(text) >= 0.5 else None


def _from_base64(run: str) -> str | None:
    """Also written backwards or in rot13. Plain words at either end are no part of the code."""
    chunks = run.split()
    coded = [number for number, chunk in enumerate(chunks) if _MIXED.match(chunk)]
    if not coded:
        return None
    first, last = coded[0], len(chunks) if "\n" in run else coded[-1] + 1
    packed = "".join(chunks[first:last])
    for way in (packed, packed[::-1], codecs.encode(packed, "rot13")):
        if (plain := _unpacked(way)) is not None:
            return " ".join((*chunks[:first], plain, *chunks[last:]))
    singly = [_unpacked(chunk) if _MIXED.match(chunk) else None for chunk in chunks]
    if len(chunks) < 2 or not any(singly):
        return None
    return " ".join(plain or chunk for plain, chunk in zip(singly, chunks, strict=True))


def _unpacked(packed: str) -> str | None:
    packed = packed.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return _plausible(base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_base32(run: str) -> str | None:
    packed = run.rstrip("=")
    try:
        return _plausible(base64.b32decode(packed + "=" * (-len(packed) % 8)))
    except (binascii.Error, ValueError):
        return None


def _from_hex(run: str) -> str | None:
    """Also with the digits backwards. A word of hexadecimal letters before the code is no part of it."""
    first, _, rest = run.partition(" ")
    for way in (run, run[::-1] if run.isalnum() else "", rest):
        digits = _HEX_MARKS.sub("", way)
        if digits and len(digits) % 2 == 0 and (plain := _plausible(bytes.fromhex(digits))) is not None:
            return f"{first} {plain}" if way is rest else plain
    return None


def _from_octal(run: str) -> str | None:
    return _plausible(bytes(int(code, 8) & 0xFF for code in run.split("\\")[1:]))


def _from_decimal(run: str) -> str | None:
    codes = [int(code) for code in re.findall(r"\d+", run)]
    plain = _plausible(bytes(codes)) if max(codes) < 256 else None
    return plain if plain and english.share(plain) >= 0.5 else None


def _from_binary(run: str) -> str | None:
    digits = re.sub(r"\s", "", run)
    return _plausible(bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits) - 7, 8)))


def _from_morse(run: str) -> str | None:
    words = [[_LETTERS.get(sign) for sign in word.split()] for word in re.split(r"[/|\n]", run)]
    if any(letter is None for word in words for letter in word):
        return None
    return _plausible(" ".join("".join(filter(None, word)) for word in words if word).encode())


_CODES: tuple[tuple[re.Pattern[str], Decode], ...] = (
    (_BASE64, _from_base64),
    (_BASE32, _from_base32),
    (_HEX, _from_hex),
    (_OCTAL, _from_octal),
    (_DECIMAL, _from_decimal),
    (_BINARY, _from_binary),
    (_MORSE, _from_morse),
)
