"""What a parsed element must hold. Each function gives a value of the type asked for, or BadRecord saying what came."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from train.records import BadRecord

Element = Mapping[str, Any]
Facts = dict[str, tuple[str, ...]]


def _bad(name: str, expected: str, value: object) -> BadRecord:
    return BadRecord(f"{name}: expected {expected}, got {type(value).__name__} {str(value)[:60]!r}")


def element(value: object, name: str = "element") -> Element:
    """An object."""
    if not isinstance(value, dict):
        raise _bad(name, "an object", value)
    return value


def string(source: Element, name: str, default: str | None = None) -> str:
    """A string that is not empty; `default`, where given, for one that is missing, null or empty."""
    value = source.get(name)
    if value in (None, "") and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise _bad(name, "a string", value)
    return value


def plain(source: Element, name: str) -> str:
    """A string, a number or a date as a string; empty where missing or null."""
    value = source.get(name)
    if isinstance(value, dict | list):
        raise _bad(name, "a string or a number", value)
    return "" if value is None else str(value)


def strings(source: Element, name: str) -> tuple[str, ...]:
    """A list of strings, none of them empty; one string alone is a list of one; () where missing or null."""
    value = source.get(name)
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _bad(name, "a list of strings", value)
    return tuple(each for each in found if each.strip())


def elements(source: Element, name: str) -> Iterator[Element]:
    """A list of objects; none where missing or null."""
    value = source.get(name)
    if value is not None and not isinstance(value, list):
        raise _bad(name, "a list of objects", value)
    for each in value or []:
        yield element(each, name)


def inner(source: Element, name: str) -> Element:
    """An object; empty where missing or null."""
    value = source.get(name)
    return {} if value is None else element(value, name)


def facts(**found: str | tuple[str, ...] | list[str]) -> Facts:
    """Facts that say something: empty values and repetitions leave, order stays."""
    whole = {name: (value,) if isinstance(value, str) else value for name, value in found.items()}
    kept = {name: tuple(dict.fromkeys(v for v in values if v.strip())) for name, values in whole.items()}
    return {name: values for name, values in kept.items() if values}


def identifier(value: str, pattern: str) -> str:
    """A publisher's id of the given form."""
    if not re.fullmatch(pattern, value):
        raise BadRecord(f"id: expected {pattern}, got {value[:60]!r}")
    return value


def prose(text: str) -> str:
    """Text with white space made one blank within a line, and no blank at its ends."""
    return re.sub(r"[^\S\n]+", " ", text).strip()
