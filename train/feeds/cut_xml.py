"""Cuts elements of given names out of an XML member with expat. No document type, no entities of its own, no depth."""

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from train.feeds.cut import CHUNK, DEEPEST, Cutter, Piece, too_long


class _Refused(Exception):
    """The document asks for what no feed needs."""


class _Reader:
    """expat's events to pieces. Offsets are of the member; kept holds what the parser may still point into."""

    def __init__(self, names: frozenset[str], most: int) -> None:
        self.names, self.most = names, most
        self.pieces: list[Piece] = []
        self.kept, self.base = bytearray(), 0
        self.depth, self.deepest = 0, 0
        self.start: int | None = None  # of the element being kept, whose depth is `level`
        self.level = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._begins
        self.parser.EndElementHandler = self._ends
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise _Refused("expected no document type declaration, got one")

    def _begins(self, name: str, _: object) -> None:
        self.depth += 1
        if self.start is None and name.rpartition(":")[2] in self.names:
            self.start, self.level, self.deepest = self.parser.CurrentByteIndex, self.depth, self.depth
        self.deepest = max(self.deepest, self.depth)

    def _ends(self, name: str) -> None:
        if self.start is not None and self.depth == self.level:
            self.pieces.append(self._piece(self.start, self._end(name)))
            self.start = None
        self.depth -= 1

    def _end(self, name: str) -> int:
        """Where an element ends: expat points to its end tag, or behind it where start and end are one tag."""
        place = self.parser.CurrentByteIndex - self.base
        if self.kept.startswith(b"</" + name.encode(), place):
            place = self.kept.index(b">", place) + 1
        return place + self.base

    def _piece(self, start: int, end: int) -> Piece:
        if end - start > self.most or start < self.base:
            return Piece(start, end, reason=too_long(self.most))
        if self.deepest - self.level > DEEPEST:
            return Piece(start, end, reason=f"expected at most {DEEPEST} levels of nesting, got more")
        return Piece(start, end, bytes(self.kept[start - self.base : end - self.base]))

    def feed(self, chunk: bytes) -> list[Piece]:
        """The elements that end in this chunk. Raises _Refused and ExpatError."""
        self.kept += chunk
        self.parser.Parse(chunk, False)
        made, self.pieces = self.pieces, []
        needed = self.parser.CurrentByteIndex if self.start is None else self.start
        needed = max(needed, self.base + len(self.kept) - self.most - 2 * CHUNK)
        del self.kept[: needed - self.base]
        self.base = needed
        return made


def elements(*names: str) -> Cutter:
    """A cutter of the outermost elements with one of these local names."""

    def cut(stream: BinaryIO, most: int) -> Iterator[Piece]:
        reader = _Reader(frozenset(names), most)
        read = 0
        try:
            while chunk := stream.read(CHUNK):
                read += len(chunk)
                yield from reader.feed(chunk)
            reader.parser.Parse(b"", True)
        except (expat.ExpatError, _Refused, ValueError) as error:
            yield from reader.pieces
            start = reader.parser.CurrentByteIndex if reader.start is None else reader.start
            yield Piece(min(max(start, 0), read), read, reason=f"the XML cannot be read on from here: {error}")

    return cut


def tree(data: bytes, prefixes: dict[str, str]) -> "ElementTree.Element":
    """A cut element as a tree, inside a root that declares the prefixes its document declared. Raises ValueError."""
    declared = "".join(f' xmlns:{prefix}="{space}"' for prefix, space in prefixes.items())
    try:
        root = ElementTree.fromstring(f"<root{declared}>".encode() + data + b"</root>")
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise ValueError(f"expected well-formed XML, got {error}") from error
    return root[0]
