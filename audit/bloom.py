"""Reading Parquet's split block Bloom filters, to check that a pack's filters hold what the pack holds. Pure.

Source: Apache Parquet format, BloomFilter.md. A filter that lacks a value would hide its row from a reader.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xxhash

from audit.errors import BadSegment

_SALTS = np.array(
    [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], dtype=np.uint32
)
_TAIL = bytes.fromhex("1c1c00001c1c00001c1c000000")  # split block, xxHash, uncompressed (thrift compact)
_BLOCK_BYTES = 32


def require_members(filter_bytes: bytes, values: Iterable[str]) -> None:
    """BadSegment unless every value is in the filter, given with its header."""
    blocks = _blocks(filter_bytes)
    hashes = np.fromiter((xxhash.xxh64_intdigest(value.encode()) for value in values), dtype=np.uint64)
    which = ((hashes >> np.uint64(32)) * np.uint64(len(blocks))) >> np.uint64(32)
    key = (hashes & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    masks = np.uint32(1) << ((key[:, None] * _SALTS[None, :]) >> np.uint32(27))
    if not bool(np.all(blocks[which] & masks == masks)):
        raise BadSegment("Bloom filter lacks a value that the file holds")


def _blocks(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    size, at = 0, 1
    for shift in range(0, 35, 7):
        if at >= len(data):
            break
        size |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            break
    size >>= 1  # zigzag of a positive number
    bits = data[at + len(_TAIL) :]
    if (
        data[:1] != b"\x15"
        or data[at : at + len(_TAIL)] != _TAIL
        or len(bits) != size
        or size % _BLOCK_BYTES
        or not size
    ):
        raise BadSegment("Bloom filter: expected a split block filter of whole blocks")
    return np.frombuffer(bits, dtype="<u4").reshape(-1, 8).astype(np.uint32)
