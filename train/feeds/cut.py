"""Cuts a member of a feed into its elements, each with the bytes it stands in. Nothing larger than a piece is held.

A cutter takes a binary stream and the most bytes that one element may have, and yields pieces. What cannot be cut is
a piece with a reason and without data; whatever else can still be told apart goes on.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20
DEEPEST = 100  # levels of nesting that any feed needs are under 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes start to end of a member. reason says why they are no element; then data is empty."""

    start: int
    end: int
    data: bytes = b""
    reason: str = ""


Cutter = Callable[[BinaryIO, int], Iterator[Piece]]


def too_long(most: int) -> str:
    """The reason of an element that is longer than allowed."""
    return f"expected an element of at most {most} bytes, got a longer one"


def whole(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """The member is one element."""
    data = stream.read(most + 1)
    if len(data) > most:
        end = len(data)
        while more := stream.read(CHUNK):
            end += len(more)
        yield Piece(0, end, reason=too_long(most))
    else:
        yield Piece(0, len(data), data)


def _text(stream: BinaryIO, most: int) -> tuple[bytes, Piece | None]:
    """The whole member, or the piece that says why not."""
    piece = next(whole(stream, most))
    return piece.data, piece if piece.reason else None


_HEADING = re.compile(rb"^(?:#{1,2} |(?P<fence>(?:```|~~~)[^`\n]*$))", re.MULTILINE)


def sections(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """Markdown: a page's beginning and each of its sections, from one heading of level 1 or 2 to the next."""
    page, bad = _text(stream, most)
    if bad:
        yield bad
        return
    starts, fenced = [0], False
    for found in _HEADING.finditer(page):
        if found["fence"]:
            fenced = not fenced
        elif not fenced:
            starts.append(found.start())
    for start, end in zip(starts, [*starts[1:], len(page)], strict=True):
        if page[start:end].strip():
            yield Piece(start, end, page[start:end])


_DOCUMENT = re.compile(rb"^---[ \t]*\r?$\n?", re.MULTILINE)


def documents(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """YAML: each document of a file."""
    text, bad = _text(stream, most)
    if bad:
        yield bad
        return
    marks = [(found.start(), found.end()) for found in _DOCUMENT.finditer(text)]
    starts = [0, *(end for _, end in marks)]
    for start, end in zip(starts, [*(begin for begin, _ in marks), len(text)], strict=True):
        if text[start:end].strip():
            yield Piece(start, end, text[start:end])


def rows(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """CSV (RFC 4180): each record, the header first. A quoted field may span lines."""
    start, kept, quotes, dropped = 0, bytearray(), 0, 0
    while line := stream.readline(CHUNK):
        quotes += line.count(b'"')
        if len(kept) + len(line) <= most and not dropped:
            kept += line
        else:
            dropped, kept = dropped + len(kept) + len(line), bytearray()
        if quotes % 2 == 0 and line.endswith(b"\n"):
            yield _row(start, kept, dropped, most)
            start, kept, quotes, dropped = start + len(kept) + dropped, bytearray(), 0, 0
    if quotes % 2:
        yield Piece(start, start + len(kept) + dropped, reason="expected a closing quote, the file ends before it")
    elif kept or dropped:
        yield _row(start, kept, dropped, most)


def _row(start: int, kept: bytearray, dropped: int, most: int) -> Piece:
    if dropped:
        return Piece(start, start + dropped, reason=too_long(most))
    return Piece(start, start + len(kept), bytes(kept))


def fields(row: bytes) -> list[str]:
    """One CSV record as its fields; raises ValueError."""
    csv.field_size_limit(max(csv.field_size_limit(), len(row)))
    read = list(csv.reader(io.StringIO(row.decode("utf-8"), newline=""), strict=True))
    if len(read) != 1:
        raise ValueError(f"expected one CSV record, got {len(read)}")
    return read[0]


_TURTLE = re.compile(rb'"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"|<[^<>\n]*>|#[^\n]*|(?P<end>\.)(?=\s|\Z)', re.DOTALL)


def statements(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """Turtle: each statement, up to its full stop. A file is read whole: most is for all of it."""
    text, bad = _text(stream, most * 4)
    if bad:
        yield bad
        return
    start = 0
    for found in _TURTLE.finditer(text):
        if found["end"]:
            begin = start + len(text[start : found.end()]) - len(text[start : found.end()].lstrip())
            yield Piece(begin, found.end(), text[begin : found.end()])
            start = found.end()
    if re.sub(rb"#[^\n]*", b"", text[start:]).strip():
        yield Piece(start, len(text), reason="expected a full stop, the file ends before it")
