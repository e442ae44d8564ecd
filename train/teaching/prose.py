"""Published texts as clean prose: citations, links, tags, code blocks and tables go, sentences stay as they were."""

import html
import re
from collections.abc import Sequence

_BLOCKS = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_LINES = re.compile(
    r"^[ \t]*(?:#{1,6} [^\n]*|\|[^\n]*|[=\-*_]{3,}[ \t]*|!!![^\n]*|:{3}[^\n]*|\{[%:{][^\n]*|!\[[^\n]*|"
    r"\[[^\]]+\]:[ \t][^\n]*)$", re.MULTILINE
)  # fmt: skip
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CITED = re.compile(r"[ \t]*\(?\(Citation: [^()\n]{0,200}(?:\([^()\n]{0,100}\)[^()\n]{0,100})*\)\)?")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)(?:\{[^}\n]*\})?")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)(?:\{[^}\n]*\})?|\[[^\]\n]{0,80}\])")
_ADDRESS = re.compile(r"[ \t]*(?:\((?:see )?https?://[^\s()]+\)|<https?://[^\s<>]+>)")
_CODE = re.compile(r"<(code|pre|kbd|samp)>\s*(.*?)\s*</\1>", re.DOTALL)
_REFERENCE = re.compile(r"[ \t]*\[REF-\d+\]")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_BOLD = re.compile(r"(\*\*|__)(?=\S)([^\n]*?\S)\1")
_ITALIC = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]{1,200}?\S)\1(?![\w*])")
_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+")
_EDGES = (
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r" +([,;:.!?)](?=[\s\"')]|$))"), r"\1"),
    (re.compile(r"(?<![.\d/])\.\.(?![./\\])"), "."),
    (re.compile(r"\( *\)"), ""),
    (re.compile(r"(?<=\w)\.(?=(?:This|These|The|An?|It|If) )"), ". "),
    (re.compile(r" *\n *"), "\n"),
)
_SHORT_FORMS = frozenset(
    [
        "e.g",
        "i.e",
        "etc",
        "vs",
        "inc",
        "corp",
        "ltd",
        "co",
        "no",
        "dr",
        "mr",
        "mrs",
        "ms",
        "st",
        "u.s",
        "u.k",
        "fig",
        "al",
        "jr",
        "sr",
        "approx",
        "cf",
        "ver",
        "ed",
        "eq",
        "sec",
        "a.k.a",
    ]
)
_END = re.compile(r"(?P<word>\S*)(?P<end>[.!?])[\"')\]\u2019\u201d]*\s+(?=[\"'(\[`\u201c\u2018]?[A-Z0-9`])")


def plain(text: str) -> str:
    """Markdown, STIX and HTML noise out; paragraphs and list items one a line, the items with "- " before them."""
    text = _COMMENT.sub("", text.replace("\r\n", "\n"))
    text = _LINES.sub("", _BLOCKS.sub("", text))
    text = _REFERENCE.sub("", _IMAGE.sub("", _CITED.sub("", text)))
    text = _CODE.sub(r"`\2`", _ADDRESS.sub("", _LINK.sub(r"\1", _LINK.sub(r"\1", text))))
    text = html.unescape(_TAG.sub("", text))
    text = _ITALIC.sub(r"\2", _BOLD.sub(r"\2", text))
    for pattern, instead in _EDGES:
        text = pattern.sub(instead, text)
    return "\n".join(_lines(text))


def _lines(text: str) -> list[str]:
    """Lines of a paragraph joined; a list item begins a line of its own."""
    made: list[str] = []
    fresh = True
    for line in text.split("\n"):
        bare = line.strip().removeprefix("> ").strip()
        if not bare:
            fresh = True
        elif _ITEM.match(line):
            made.append("- " + _ITEM.sub("", line).strip())
            fresh = False
        elif fresh:
            made.append(bare)
            fresh = False
        else:
            made[-1] += " " + bare
    return made


def sentences(paragraph: str) -> list[str]:
    """The sentences of one line of prose."""
    made, start = [], 0
    for found in _END.finditer(paragraph):
        word = found["word"].strip("(\"'").lower()
        if word in _SHORT_FORMS or (len(word) == 1 and word.isalpha()):
            continue
        made.append(paragraph[start : found.end()].strip())
        start = found.end()
    rest = paragraph[start:].strip()
    return [*made, rest] if rest else made


def _says_something(sentence: str) -> bool:
    """False for fragments: what announces a list, ends nowhere, or has lost its code."""
    whole = sentence.rstrip("\"')]\u2019\u201d`*")
    return whole.endswith((".", "!", "?")) and len(sentence) >= 20 and sentence.count("`") % 2 == 0


def excerpt(text: str, most: int, characters: int = 700, code: bool = True) -> str:
    """The first whole sentences of a published text, at most so many; empty where it has none.

    Without code, sentences that quote a command or a symbol are passed over.
    """
    kept: list[str] = []
    for line in plain(text).split("\n"):
        for sentence in () if line.startswith("- ") else sentences(line):
            if len(kept) == most or sum(map(len, kept)) + len(sentence) > characters:
                return " ".join(kept)
            if not code and "`" in sentence:
                continue
            if _says_something(sentence):
                kept.append(_capital(sentence))
            elif kept:  # what follows a fragment may lean on it
                return " ".join(kept)
    return " ".join(kept)


def _capital(sentence: str) -> str:
    """With a capital letter first, unless the first word is written in a way of its own: menuPass, cmd.exe."""
    word = sentence.split(" ", 1)[0].rstrip(",")
    return sentence[0].upper() + sentence[1:] if word.isalpha() and word.islower() else sentence


def closed(text: str) -> str:
    """A phrase as a sentence: a capital letter first, a full stop last."""
    text = text.strip().rstrip(":;,")
    return _capital(text) + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence: A, B and C."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def article(noun: str) -> str:
    """A noun with its indefinite article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
