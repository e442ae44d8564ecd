"""What a reader of a feed's elements is given, and what it gives."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from train.feeds.cut import DEEPEST, Cutter, Piece
from train.feeds.fields import Element, element
from train.records import BadRecord, Item

Known = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element stands, and what a first reading of its member has learnt (names by internal id)."""

    source: str
    member: str
    start: int = 0
    known: Known = field(default_factory=lambda: MappingProxyType({}))


Reader = Callable[[bytes, Place], Iterable[Item]]


@dataclass(frozen=True, slots=True)
class Feed:
    """How one format is read. learn, where a format needs it, goes over all pieces of a member first."""

    cut: Cutter
    read: Reader
    learn: Callable[[Iterator[Piece]], Known] | None = None


def from_json(data: bytes) -> Element:
    """One JSON object; raises ValueError, RecursionError."""
    return element(json.loads(data))


def from_yaml(data: bytes) -> Any:
    """One YAML document, without aliases and of bounded depth: loaders recurse in C. Raises YAMLError, BadRecord."""
    depth = 0
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise BadRecord("expected YAML without aliases, got one")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise BadRecord(f"expected at most {DEEPEST} levels of nesting, got more")
    return yaml.load(data, Loader=yaml.CSafeLoader)
