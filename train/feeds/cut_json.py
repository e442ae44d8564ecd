"""Cuts the elements of arrays out of a JSON member by counting brackets, so that a bad element spoils no other."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from train.feeds.cut import CHUNK, Cutter, Piece, too_long

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_CLOSE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"|\\?\Z)', re.DOTALL)
_MARK = re.compile(rb'["{}\[\]]')
_MARK_AND_COMMA = re.compile(rb'["{}\[\],]')
_BLANK = b" \t\r\n"
_LONGEST_KEY = 256


class _Scanner:
    """Where we are in the text: depth of brackets, in a string or not, in a wanted array or not."""

    def __init__(self, keys: tuple[str, ...], most: int) -> None:
        self.inner = 2 if keys else 1  # the depth of a wanted array's elements
        self.keys = {key.encode() for key in keys}
        self.most = most
        self.depth, self.in_string, self.escaped, self.wanted, self.found = 0, False, False, False, False
        self.last = b""  # the last string outside the array: the key of what comes next
        self.base = 0  # offset of the chunk
        self.start = 0  # offset of the element
        self.kept = bytearray()  # the element up to the chunk
        self.dropped = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Go through the next chunk; yields the elements that end in it."""
        place, begun = 0, 0  # of the scan; of what belongs to the element in this chunk
        while place < len(chunk):
            if self.in_string:
                place = self._string_end(chunk, place)
                continue
            at_element = self.wanted and self.depth == self.inner
            mark = (_MARK_AND_COMMA if at_element else _MARK).search(chunk, place)
            if mark is None:
                break
            place = mark.end()
            sign = chunk[mark.start()]
            if sign == 0x22:
                place = self._string(chunk, mark.start())
            elif at_element and sign in b",]}":
                yield from self._ended(chunk[begun : mark.start()], self.base + mark.start())
                begun = place
                self.start = self.base + place
                self._bracket(sign)
            else:
                inside = self.wanted
                self._bracket(sign)
                if not inside:
                    begun, self.start = place, self.base + place
        if self.wanted:
            self._keep(chunk[begun:])
        self.base += len(chunk)

    def _keep(self, part: bytes) -> None:
        if self.dropped or len(self.kept) + len(part) > self.most:
            self.dropped, self.kept = True, bytearray()
        else:
            self.kept += part

    def _ended(self, part: bytes, end: int) -> Iterator[Piece]:
        self._keep(part)
        data = self.kept.strip(_BLANK)
        if self.dropped:
            yield Piece(self.start, end, reason=too_long(self.most))
        elif data:
            start = self.start + len(self.kept) - len(self.kept.lstrip(_BLANK))
            yield Piece(start, start + len(data), bytes(data))
        self.kept, self.dropped = bytearray(), False

    def _bracket(self, sign: int) -> None:
        if sign in b"{[":
            self.depth += 1
            opens = sign == 0x5B and self.depth == self.inner and (not self.keys or self.last in self.keys)
            self.wanted = self.wanted or opens
            self.found = self.found or opens
        elif sign in b"}]":
            self.depth -= 1
            self.wanted = self.wanted and self.depth >= self.inner

    def _string(self, chunk: bytes, start: int) -> int:
        """Past a string that begins here; one that goes on in the next chunk leaves a note."""
        found = _STRING.match(chunk, start)
        outside = not self.wanted and self.depth == 1
        if found is None:
            self.in_string = True
            self.last = chunk[start + 1 : start + 1 + _LONGEST_KEY] if outside else self.last
            return self._string_end(chunk, start + 1)
        if outside:
            self.last = found.group()[1:-1]
        return found.end()

    def _string_end(self, chunk: bytes, start: int) -> int:
        if self.escaped:
            self.escaped, start = False, start + 1
        found = _CLOSE.match(chunk, start)
        if found is None:
            return len(chunk)
        if not self.wanted and self.depth == 1 and start == 0 and len(self.last) < _LONGEST_KEY:
            self.last += chunk[: found.start("end")][:_LONGEST_KEY]
        self.in_string = found["end"] != b'"'
        self.escaped = found["end"] == b"\\"
        return found.end()


def items(*keys: str) -> Cutter:
    """A cutter of the arrays under `keys` of the outer object, of which it must have one; else of the outer array."""

    def cut(stream: BinaryIO, most: int) -> Iterator[Piece]:
        scanner = _Scanner(keys, most)
        while chunk := stream.read(CHUNK):
            yield from scanner.feed(chunk)
        if not scanner.found:
            named = " or ".join(map(repr, keys))
            yield Piece(0, scanner.base, reason=f"expected an array {named}, found none")
        elif scanner.wanted or scanner.depth:
            yield Piece(scanner.start, scanner.base, reason="expected closing brackets, the file ends before them")

    return cut
