"""A signer who writes nonsense into a Parquet file: it is refused, or it reads like the good one. Nothing else happens.

Bits of a pack are flipped one at a time, and the whole is signed again with the real key, so that the Parquet reader
meets each. A sample: every 5th bit of the footer, every 47th of the rest. The footer counts most: a lie there can make
one reader pass over rows that another sees, and over a column of an unknown type pyarrow ends the process.
"""

import hashlib
import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from audit import upkeep
from audit.chain import summarise
from audit.errors import BadSegment
from audit.signature import BLANK, MARKER, _message
from audit.upkeep import pack_all

FILTERED = ("kind", "action", "request_id", "subject", "idx", "ts")
SHOWN = ["idx", "ts", "kind", "request_id", "subject", "action", "leaf"]


@pytest.fixture
def pack(world, monkeypatch):
    monkeypatch.setattr(upkeep, "TIERS", (4, 40, 400))
    world.log = world.open()
    for number in range(3):
        world.log.append(world.exchange(f"r{number}", "text"))
    assert pack_all(world.log)
    (path,) = (world.root / "exchange-0" / "pack").iterdir()
    world.good = path.read_bytes()
    return world


def flipped(world, bit: int) -> bytes:
    """With one bit changed, and signed anew."""
    data, at = bytearray(world.good), world.good.rindex(MARKER) + len(MARKER)
    data[bit // 8] ^= 1 << bit % 8
    data[at : at + len(BLANK)] = BLANK
    message = _message(hashlib.sha256(data), world.log.origin, 0)
    data[at : at + len(BLANK)] = world.keys.signer.sign(message).hex().encode()
    return bytes(data)


def read(data: bytes) -> list[object]:
    """What a dataset shows: everything, and what filters that use statistics find."""
    fragment = ds.ParquetFileFormat().make_fragment(pa.py_buffer(data))
    whole = fragment.to_table(columns=SHOWN)
    found = [fragment.count_rows(), whole]
    for column in FILTERED:
        values = pc.unique(whole[column]).drop_null().slice(0, 3)
        found += [fragment.to_table(filter=pc.field(column) == one, columns=["idx", "leaf"]) for one in values]
    return found


def footer_starts(data: bytes) -> int:
    """Of a Parquet file: its length stands before the last four bytes."""
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


@pytest.mark.parametrize("part", ["footer", "rest"])
def test_a_flipped_bit_that_is_signed_is_refused_or_changes_nothing(pack, part):
    ring, good, mark = pack.log.memory.reader.ring, pack.good, pack.good.rindex(MARKER)
    footer = footer_starts(good) * 8
    bits = range(footer, len(good) * 8, 5) if part == "footer" else range(0, footer, 47)
    wanted, refused, harmless = read(good), 0, 0
    for bit in bits:
        if mark <= bit // 8 < mark + len(MARKER) + len(BLANK):
            continue
        data = flipped(pack, bit)
        try:
            summary = summarise(data, ring, 0)
        except BadSegment:
            refused += 1
            continue
        assert read(data) == wanted, bit
        assert len(summary.nulled) <= 1
        harmless += 1
    assert refused > len(bits) // 3
    assert harmless > 10


def test_what_is_no_text_is_refused(pack):
    """In the columns and in their statistics; those in page headers are read by nobody."""
    end = footer_starts(pack.good)
    columns = [match.start() for match in re.finditer(rb"(?<=\0\0\0)(window|answer|request)", pack.good[:end])]
    statistics = [end + match.start() for match in re.finditer(b"window|answer", pack.good[end:])]
    assert len(columns) == 3
    assert len(statistics) > 1
    for at in (*columns, *statistics):
        with pytest.raises(BadSegment):
            summarise(flipped(pack, at * 8 + 7), pack.log.memory.reader.ring, 0)
