"""One feed file to records: every element of every member becomes records, is set aside, or is quarantined."""

import fnmatch
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from train.archives import ArchiveError, Limits, Member, is_archive, is_folder, members
from train.feeds.cut import Piece
from train.feeds.read import Feed, Known, Place
from train.records import Aside, Item, Origin, Quarantined

# What parsers raise on data of the wrong shape. Anything else is a mistake of ours and stops the run.
_MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    OverflowError,
    yaml.YAMLError,
)


@dataclass(frozen=True, slots=True)
class Made:
    """What one element became, and where it stands."""

    origin: Origin
    items: tuple[Item, ...] = ()
    bad: Quarantined | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A feed file: where it lies, what it is called in origins, whose it is, which part of it is meant.

    only: patterns of the members that are the source's, all where empty.
    """

    path: Path
    name: str
    source: str
    part: tuple[int, int] = (0, 1)
    only: tuple[str, ...] = ()


def convert(file: File, feed: Feed, limits: Limits) -> Iterator[Made]:
    """All elements of the file, in order. Never raises for what is in it."""
    known: Known = {}
    if feed.learn and is_archive(file.name) and not is_folder(file.name):
        raise ValueError(f"{file.name}: expected a single file, formats with names of their own come as one")
    if feed.learn:
        known = feed.learn(_pieces(file, feed, limits))
    try:
        for member in members(file.path, file.name, limits, file.part):
            yield from _member(member, file, feed, limits, known)
    except ArchiveError as error:
        yield _broken(file, file.name, error)


def _pieces(file: File, feed: Feed, limits: Limits) -> Iterator[Piece]:
    try:
        for member in members(file.path, file.name, limits):
            yield from (piece for piece in feed.cut(member.stream, limits.element) if not piece.reason)
    except ArchiveError:  # the second reading says so
        return


def _member(member: Member, file: File, feed: Feed, limits: Limits, known: Known) -> Iterator[Made]:
    inside = member.name.partition("!")[2]
    if inside and file.only and not any(fnmatch.fnmatchcase(inside, pattern) for pattern in file.only):
        yield Made(Origin(file.source, member.name, 0, 0, ""), (Aside("file of the archive that is no part of it"),))
        return
    try:
        for piece in feed.cut(member.stream, limits.element):
            yield _made(piece, member.name, file.source, feed, known)
    except ArchiveError as error:  # other members of a zip can still be read
        yield _broken(file, member.name, error)


def _broken(file: File, name: str, error: ArchiveError) -> Made:
    return Made(Origin(file.source, name, 0, 0, ""), bad=Quarantined(name, str(error)[:500]))


def _made(piece: Piece, name: str, source: str, feed: Feed, known: Known) -> Made:
    digest = hashlib.sha256(piece.data).hexdigest() if piece.data else ""
    origin = Origin(source, name, piece.start, piece.end, digest)
    if piece.reason:
        return Made(origin, bad=Quarantined(f"{name}:{piece.start}", piece.reason))
    try:
        return Made(origin, tuple(feed.read(piece.data, Place(source, name, piece.start, known))))
    except _MALFORMED as error:
        reason = str(error)[:500] or "no reason given"
        return Made(origin, bad=Quarantined(f"{name}:{piece.start}", f"{type(error).__name__}: {reason}"))


def outcome(made: Made) -> str:
    """How one element is counted: parsed, quarantined, set aside, or by its status."""
    if made.bad:
        return "quarantined"
    kept = [item for item in made.items if not isinstance(item, Aside)]
    return str(kept[0].status) if kept else "aside"
