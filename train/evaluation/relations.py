"""Which facts an answer states, and whether they are those of the reference: exact match, as sets, by kind.

What counts is read from the ask's form: identifiers for relations and weaknesses (but for those of the question and of
the thing that it is about), the vector or the metrics for CVSS, true or false, the letter, and for what does not exist
that the answer says so. Wording never counts. Forms whose answer cannot be read so are not used: scores of a record
that a model never saw, and sentences.
"""

import re
from collections.abc import Callable, Iterable

from train.teaching.cvss import METRICS, parse

REACH = 360  # characters of the reference within which all that counts must stand, so that a short answer can hold it

_ID = re.compile(
    r"\b(?:CVE-\d{4}-\d{4,}|CWE-\d+|CAPEC-\d+|AML\.(?:TA|T|M|CS)\d{4}(?:\.\d{3})?|TA\d{4}|T\d{4}(?:\.\d{3})?"
    r"|M\d{4}|G\d{4}|S\d{4}|C\d{4}|D3-[A-Z]+|DET\d{4}|AN\d{4})\b"
)
_VECTOR = re.compile(r"CVSS:\d\.\d(?:/[A-Z]{1,3}:[A-Z])+")
_LETTER = re.compile(
    r"(?<![A-Za-z])([A-D])[).:]|(?:answer|option|letter|choice|correct) (?:is )?\(?([A-D])\b|^([A-D])\b"
)
_OPTION = re.compile(r"^([A-D])\) (.+)$", re.MULTILINE)
_TRUE = re.compile(r"\b(?:true|correct|yes|right|accurate)\b", re.IGNORECASE)
_FALSE = re.compile(
    r"\b(?:false|incorrect|no|wrong|inaccurate|untrue|not (?:entirely |quite )?(?:true|correct|right|accurate))\b",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"\bno (?:\w+ ){0,3}(?:record|entry|such|information|mention)\b|\bthere is nothing\b|\bi find no\b"
    r"|\bdo(?:es)? not (?:know|exist|have)\b|\b(?:don't|doesn't) (?:know|exist|have)\b|\bunknown to me\b"
    r"|\b(?:cannot|can't|could not|couldn't|can not) (?:find|verify|confirm)\b"
    r"|\bnot (?:aware|familiar|a known|a real)\b"
    r"|\bis in the data that i\b",
    re.IGNORECASE,
)
_GONE = re.compile(r"\b(?:revoked|deprecated|rejected|withdrawn|retired|obsolete|superseded)\b", re.IGNORECASE)

Facts = frozenset[str]


def expected(form: str, question: str, reference: str, subject: str) -> Facts:
    """What an answer to a row of this form (`cvss.write`) must state; empty where the row cannot be judged so."""
    read = _reader(form)
    if read is None:
        return frozenset()
    within = read(reference[:REACH], question, subject)
    return within if within == read(reference, question, subject) else frozenset()


def stated(form: str, question: str, answer: str, subject: str, wanted: Facts) -> Facts:
    """What an answer states of the kinds that are asked for."""
    read = _reader(form)
    found = read(answer, question, subject) if read else frozenset[str]()
    return _alike(found, wanted)


def exact(form: str, question: str, answer: str, subject: str, wanted: Facts) -> bool:
    """Whether the answer states what is asked for, all of it and no more."""
    return stated(form, question, answer, subject, wanted) == wanted


def overlap(found: Facts, wanted: Facts) -> float:
    """F1 of two sets of facts."""
    return 2 * len(found & wanted) / (len(found) + len(wanted)) if found or wanted else 1.0


def _reader(form: str) -> Callable[[str, str, str], Facts] | None:
    by_form: dict[str, Callable[[str, str, str], Facts]] = {
        "cvss.write": _vectors, "cvss.read": _metrics, "cvss.metric": _metrics, "unknown.invented": _absent,
        "unknown.gone": _gone,
    }  # fmt: skip
    by_family = {"relation": _identifiers, "weakness": _identifiers, "truth": _verdict, "choice": _letter}
    return by_form.get(form) or by_family.get(form.partition(".")[0])


def _alike(found: Facts, wanted: Facts) -> Facts:
    """Without identifiers of a kind that nobody asked for: to name a technique beside a weakness is no mistake."""
    kinds = {_kind(fact) for fact in wanted}
    return frozenset(fact for fact in found if _kind(fact) in kinds)


def _kind(fact: str) -> str:
    return re.split(r"[\d=]", fact, maxsplit=1)[0].split(" ")[0]


def _identifiers(text: str, question: str, subject: str) -> Facts:
    return frozenset(_ID.findall(text)) - set(_ID.findall(question)) - {subject}


def _vectors(text: str, question: str, _: str) -> Facts:
    vectors = (parse(found) for found in _VECTOR.findall(text) if found not in question)
    return frozenset(f"vector {vector}" for vector in vectors if vector)


def _metrics(text: str, _: str, __: str) -> Facts:
    found = set()
    for name, values in _metric_names().items():
        pattern = rf"{re.escape(name)}\W{{1,4}}(?:with the value |is |value )?({'|'.join(map(re.escape, values))})\b"
        found |= {f"metric {name}={value.lower()}" for value in re.findall(pattern, text, re.IGNORECASE)}
    return frozenset(found)


def _metric_names() -> dict[str, list[str]]:
    """Each metric's values in words, over all versions; a longer word before one that it begins with."""
    found: dict[str, set[str]] = {}
    for metrics in METRICS.values():
        for name, values in metrics.values():
            found.setdefault(name, set()).update(values.values())
    return {name: sorted(values, key=lambda value: (-len(value), value)) for name, values in found.items()}


def _verdict(text: str, _: str, __: str) -> Facts:
    """Of the first sentence, what it says first."""
    first = re.split(r"(?<=[.!?:])\s", text.strip(), maxsplit=1)[0]
    places = [
        (found.start(), told)
        for told, found in (("false", _FALSE.search(first)), ("true", _TRUE.search(first)))
        if found
    ]
    return frozenset({f"verdict {min(places)[1]}"} if places else ())


def _letter(text: str, question: str, _: str) -> Facts:
    """The letter that is named first; without one, the only option whose words the answer holds."""
    found = _LETTER.search(text.strip())
    if found:
        return frozenset({f"letter {next(filter(None, found.groups()))}"})
    said = [letter for letter, option in _OPTION.findall(question) if _folded(option) in _folded(text)]
    return frozenset({f"letter {said[0]}"} if len(said) == 1 else ())


def _absent(text: str, _: str, __: str) -> Facts:
    return frozenset({"absent"} if _ABSENT.search(text) else ())


def _gone(text: str, question: str, subject: str) -> Facts:
    return _marked(_GONE.search(text) is not None, _identifiers(text, question, subject))


def _marked(gone: bool, successors: Iterable[str]) -> Facts:
    return frozenset({*(["gone"] if gone else []), *successors})


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
