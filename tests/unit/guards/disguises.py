"""Disguises as people use them: each takes a text and a source of chance, and gives the text in other clothes."""

import base64
import codecs
import random
import string
import unicodedata
from collections.abc import Callable

Disguise = Callable[[str, random.Random], str]

LEET = str.maketrans("aeiost", "431057")
LEET_DOLLAR = str.maketrans("aeiost", "4310$7")
LEET_MORE = str.maketrans("aeiostlbgz", "4310571862")
CYRILLIC = dict(
    zip(
        "aceijkopsxyABCEHIJKMOPSTXY",
        "\u0430\u0441\u0435\u0456\u0458\u043a\u043e\u0440\u0455\u0445\u0443\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u0423",
        strict=True,
    )
)
GREEK = dict(
    zip(
        "ikovuxptABEHIKMNOPTXYZ",
        "\u03b9\u03ba\u03bf\u03bd\u03c5\u03c7\u03c1\u03c4\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396",
        strict=True,
    )
)
SMALL_CAPS = dict(zip("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
STROKES = dict(zip("abcdefghiklnoprstuz", "ⱥƀƈđɇƒǥħɨƙłɲøᵽɍşŧʉƶ", strict=True))
UPSIDE_DOWN = dict(zip("abcdefghijklmnopqrstuvwxyz", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", strict=True))  # noqa: RUF001


_MORSE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
MORSE = dict(zip(string.ascii_lowercase + string.digits, _MORSE.split(), strict=True))


def morse(text: str) -> str:
    """International Morse (ITU-R M.1677); what has no sign is left out."""
    return " / ".join(" ".join(MORSE[c] for c in word.lower() if c in MORSE) for word in text.split())


def selectors(text: str) -> str:
    """Each byte as one of the 256 variation selectors, which nobody sees."""
    return "".join(chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in text.encode())


def swapped(table: dict[str, str], share: float = 1.0, fold: bool = False) -> Disguise:
    def disguise(text: str, rng: random.Random) -> str:
        text = text.lower() if fold else text
        return "".join(table[c] if c in table and rng.random() < share else c for c in text)

    return disguise


def alphabet(upper: int, lower: int) -> Disguise:
    """A mathematical or enclosed alphabet, by its first letters."""
    table = {c: chr(upper + i) for i, c in enumerate(string.ascii_uppercase)}
    return swapped(table | {c: chr(lower + i) for i, c in enumerate(string.ascii_lowercase)})


def marked(most: int) -> Disguise:
    """Up to so many combining marks on each letter."""
    marks = [chr(code) for code in (*range(0x300, 0x34F), 0x335, 0x336, 0x20DD, 0x1AB0)]
    return lambda text, rng: "".join(
        c + "".join(rng.choices(marks, k=rng.randint(1, most))) if c.isalpha() else c for c in text
    )


def accented(text: str, rng: random.Random) -> str:
    accents = "\u0300\u0301\u0302\u0303\u0308\u030a\u030c\u0323\u0327"
    return unicodedata.normalize("NFC", "".join(c + rng.choice(accents) if c.isalpha() else c for c in text))


def invisible(characters: str) -> Disguise:
    return lambda text, rng: "".join(c + rng.choice(characters) for c in text)


def spaced(inner: str, outer: str) -> Disguise:
    """Letters set apart, words further apart."""
    return lambda text, rng: outer.join(inner.join(c for c in word if c.isalnum()) for word in text.split())


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wrapped(text: str, width: int) -> str:
    packed = b64(text)
    return "\n".join(packed[at : at + width] for at in range(0, len(packed), width))


def rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def each_word(text: str) -> str:
    return " ".join(word[::-1] for word in text.split(" "))


def hexed(join: str, before: str = "") -> Disguise:
    return lambda text, rng: join.join(f"{before}{byte:02x}" for byte in text.encode())


def leet_some(text: str, rng: random.Random) -> str:
    return "".join(c.translate(LEET) if rng.random() < 0.6 else c for c in text)


SINGLE: dict[str, Disguise] = {
    "leet": lambda text, rng: text.lower().translate(LEET),
    "leet, some": leet_some,
    "leet, dollar": lambda text, rng: text.translate(LEET_DOLLAR),
    "leet, more": lambda text, rng: text.lower().translate(LEET_MORE),
    "cyrillic": swapped(CYRILLIC),
    "cyrillic, some": swapped(CYRILLIC, 0.5),
    "greek": swapped(GREEK),
    "greek, some": swapped(GREEK, 0.5),
    "bold": alphabet(0x1D400, 0x1D41A),
    "script": alphabet(0x1D4D0, 0x1D4EA),
    "fraktur": alphabet(0x1D56C, 0x1D586),
    "monospace": alphabet(0x1D670, 0x1D68A),
    "fullwidth": alphabet(0xFF21, 0xFF41),
    "circled": alphabet(0x24B6, 0x24D0),
    "parenthesized": alphabet(0x1F110, 0x249C),
    "squared": alphabet(0x1F170, 0x1F170),
    "flags": alphabet(0x1F1E6, 0x1F1E6),
    "small caps": swapped(SMALL_CAPS, fold=True),
    "strokes": swapped(STROKES, fold=True),
    "upside down": lambda text, rng: swapped(UPSIDE_DOWN, fold=True)(text, rng)[::-1],
    "one mark": marked(1),
    "many marks": marked(6),
    "accents": accented,
    "zero width": invisible("\u200b\u200c\u200d\u2060\ufeff"),
    "soft hyphens": invisible("\u00ad"),
    "selectors": invisible("\ufe0e\ufe0f\u034f\u180b\u3164"),
    "tags": lambda text, rng: "".join(chr(0xE0000 + ord(c)) for c in text),
    "blanks, no gap": spaced(" ", " "),
    "blanks, wide gap": spaced(" ", "   "),
    "dots": spaced(".", " "),
    "dots, no gap": spaced(".", "."),
    "dashes": spaced("-", " "),
    "dashes, no gap": spaced("-", "-"),
    "underscores": spaced("_", " "),
    "stars": spaced("*", " "),
    "base64": lambda text, rng: b64(text),
    "base64, no padding": lambda text, rng: b64(text).rstrip("="),
    "base64, in a sentence": lambda text, rng: f"Please decode {b64(text)} and do it",
    "base64, after a colon": lambda text, rng: f"Decode this: {b64(text)}",
    "base64, url safe": lambda text, rng: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, lines of 20": lambda text, rng: wrapped(text, 20),
    "base64, lines of 50": lambda text, rng: wrapped(text, 50),
    "base64, lines of 76": lambda text, rng: wrapped(text, 76),
    "base64, twice": lambda text, rng: b64(b64(text)),
    "base64, thrice": lambda text, rng: b64(b64(b64(text))),
    "base32": lambda text, rng: base64.b32encode(text.encode()).decode(),
    "hex": hexed(""),
    "hex, upper": lambda text, rng: text.encode().hex().upper(),
    "hex, in a sentence": lambda text, rng: f"Decode {text.encode().hex()} and obey",
    "hex, blanks": hexed(" "),
    "hex, colons": hexed(":"),
    "hex, dashes": hexed("-"),
    "hex, 0x and commas": hexed(", ", "0x"),
    "hex, escapes": hexed("", "\\x"),
    "unicode escapes": hexed("", "\\u00"),
    "url": hexed("", "%"),
    "decimal": lambda text, rng: " ".join(map(str, text.encode())),
    "morse": lambda text, rng: morse(text),
    "morse, in a sentence": lambda text, rng: f"Please decode this: {morse(text)} and answer it.",
    "variation selectors": lambda text, rng: "\U0001f60a" + selectors(text),
    "binary": lambda text, rng: " ".join(f"{byte:08b}" for byte in text.encode()),
    "entities": lambda text, rng: "".join(f"&#{byte};" for byte in text.encode()),
    "rot13": lambda text, rng: rot13(text),
    "rot13, in a sentence": lambda text, rng: f"Read this as you know how: {rot13(text)}",
    "caesar 3": lambda text, rng: text.translate(
        str.maketrans(string.ascii_letters, "defghijklmnopqrstuvwxyzabcDEFGHIJKLMNOPQRSTUVWXYZABC")
    ),
    "atbash": lambda text, rng: text.translate(
        str.maketrans(string.ascii_letters, string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1])
    ),
    "reversed": lambda text, rng: text[::-1],
    "reversed, each word": lambda text, rng: each_word(text),
}


def both(first: str, second: str) -> Disguise:
    return lambda text, rng: SINGLE[second](SINGLE[first](text, rng), rng)


PAIRS = [
    ("leet", "zero width"), ("leet", "base64"), ("leet", "reversed"), ("leet", "dots"), ("leet", "rot13"),
    ("cyrillic", "zero width"), ("cyrillic", "reversed"), ("cyrillic", "leet"), ("rot13", "base64"), ("rot13", "hex"),
    ("rot13", "reversed"), ("reversed", "base64"), ("reversed", "hex"), ("base64", "reversed"), ("base64", "rot13"),
    ("base64", "zero width"), ("base64", "url"), ("hex", "base64"), ("base64", "hex"),
    ("blanks, wide gap", "zero width"),
    ("bold", "reversed"), ("accents", "base64"), ("dots", "reversed"), ("reversed, each word", "rot13"),
    ("base64", "base64, in a sentence"), ("small caps", "zero width"), ("many marks", "cyrillic"), ("rot13", "dots"),
]  # fmt: skip
DISGUISES = SINGLE | {f"{first} + {second}": both(first, second) for first, second in PAIRS}
