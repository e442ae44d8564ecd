"""What one record and one row group must be, written from docs/audit-format.md; the first half of the second verifier.

The shapes of records are read from the tables of that page.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "audit-format.md").read_text()
KINDS = dict(re.findall(r"^\| `(\w+)` \| (?:yes|no|may) \| `(.+?)` \| .+ \|$", PAGE, re.MULTILINE))
PARTS = dict(re.findall(r"^\| `([A-Z]\w+)` \| `(.+?)` \| .+ \|$", PAGE, re.MULTILINE))
PARTS |= {"Content": "commit digest, ct_sha256 digest?, epoch count, len count",
          "Seal": "bytes count, sha256 digest, start count"}  # fmt: skip
LEAF = ("v =1, origin text, idx count, ts count, kind text, request_id text, seq count, tenant text, subject digest?, "
        "actor text, fields object, content Content?, seal? Seal")  # fmt: skip
INTEGERS = {"count": (0, 2**53 - 1), "int": (1 - 2**53, 2**53 - 1), "ppm": (0, 10**6)}
STRINGS = {"name": (1, 256), "short": (0, 256), "digest": (1, 128), "text": (0, 65536)}
OTHERS = {"verdict": "=ALLOW/=TEACH/=REFUSE/=REDACT"}
SALTS = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)  # fmt: skip
MASK = (1 << 64) - 1


class Fault(Exception):
    """Something is not as the page says."""

    def __init__(self, reason: str, index: int | None = None, file: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.index, self.file = reason, index, file


def need(condition: Any, reason: str, index: int | None = None, file: str | None = None) -> None:
    if not condition:
        raise Fault(reason, index, file)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def check_row(row: dict[str, Any], index: int, origin: str) -> tuple[dict[str, Any], bool]:
    """The leaf, and whether its content is gone."""
    leaf = parse_leaf(row["leaf"])
    action = leaf["fields"].get("action")
    copies = {name: leaf[name] for name in ("idx", "ts", "kind", "request_id", "subject")}
    copies["action"] = action if isinstance(action, str) else None
    need((leaf["origin"], leaf["idx"]) == (origin, index), "leaf: another log or place")
    need(all(row[name] == value for name, value in copies.items()), "a column differs from its leaf")
    named = (leaf["content"] or {}).get("ct_sha256")
    if row["content"] is None:
        return leaf, named is not None
    need(sha256(row["content"]).hex() == named, "content is not what the leaf names")
    return leaf, False


def parse_leaf(data: bytes) -> dict[str, Any]:
    try:
        leaf = json.loads(data.decode(), parse_float=_no_float, parse_constant=_no_float)
        need(canonical(leaf) == data and len(data) < 65536, "leaf: not canonical, or too long")
    except (ValueError, RecursionError):
        raise Fault("leaf: not JSON") from None
    need(_has_shape(leaf, LEAF) and leaf["kind"] in KINDS, "leaf: keys or kind")
    need(_has_shape(leaf["fields"], KINDS[leaf["kind"]]), f"{leaf['kind']}: fields")
    if leaf["kind"] == "revocation":
        given = [leaf["fields"].get(name) is not None for name in ("jti", "before_us")]
        need(given.count(True) == 1, "revocation: fields")
    return leaf


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _no_float(text: str) -> Any:
    raise ValueError(f"a float: {text}")


def _has_shape(value: Any, shape: str) -> bool:
    kinds = dict(one.split(" ") for one in shape.split(", "))
    if not isinstance(value, dict) or not value.keys() <= {name.rstrip("?") for name in kinds}:
        return False
    return all(
        _fits(value[name.rstrip("?")], kind) if name.rstrip("?") in value else name.endswith("?")
        for name, kind in kinds.items()
    )


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type, in the notation of the page."""
    if kind[-1] == "?":
        return value is None or _fits(value, kind[:-1])
    if kind[0] == "=":
        wanted = [int(one[1:]) if one[1:].isdigit() else one[1:] for one in kind.split("/")]
        return any(type(value) is type(one) and value == one for one in wanted)
    if kind[0] == "[":
        return isinstance(value, list) and all(_fits(one, kind[1:-1]) for one in value)
    if kind[0] == "{":
        return isinstance(value, dict) and all(_fits(k, "name") and _fits(v, kind[1:-1]) for k, v in value.items())
    if kind in INTEGERS:
        return type(value) is int and INTEGERS[kind][0] <= value <= INTEGERS[kind][1]
    if kind in STRINGS:
        return isinstance(value, str) and STRINGS[kind][0] <= len(value) <= STRINGS[kind][1]
    if kind == "param":
        return any(_fits(value, one) for one in ("int?", "bool", "short"))
    if kind in ("bool", "object"):
        return isinstance(value, bool if kind == "bool" else dict)
    return _fits(value, OTHERS[kind]) if kind in OTHERS else _has_shape(value, PARTS[kind])


def check_group(group: pq.RowGroupMetaData, table: pa.Table, data: bytes) -> None:
    """Statistics and Bloom filters hide no row."""
    for at, name in enumerate(table.column_names):
        chunk, column = group.column(at), table[name]
        if chunk.is_stats_set and chunk.statistics.has_min_max:
            bounds = pc.min_max(column).as_py()
            need(
                (chunk.statistics.min, chunk.statistics.max) == (bounds["min"], bounds["max"]), f"statistics of {name}"
            )
        if chunk.is_stats_set and chunk.statistics.null_count is not None:
            need(chunk.statistics.null_count == column.null_count, f"null count of {name}")
        if chunk.bloom_filter_offset is not None:
            begin = chunk.bloom_filter_offset
            bits = _bits(data[begin : begin + (chunk.bloom_filter_length or 0)])
            values = set(column.drop_null().to_pylist())
            need(all(_holds(bits, value.encode()) for value in values), f"Bloom filter of {name}")


def _bits(data: bytes) -> bytes:
    """The bits of a split block filter, behind its header."""
    size, at = 0, 1
    while at < len(data) and at < 6:
        size |= (data[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if data[at - 1] < 0x80:
            break
    bits = data[at + 13 :]
    need(
        data[:1] == b"\x15" and data[at : at + 13] == bytes.fromhex("1c1c00001c1c00001c1c000000"),
        "Bloom filter: header",
    )
    need(bits and len(bits) % 32 == 0 and size == 2 * len(bits), "Bloom filter: length")
    return bits


def _holds(bits: bytes, value: bytes) -> bool:
    digest = xxh64(value)
    block = (digest >> 32) * (len(bits) // 32) >> 32
    words = [int.from_bytes(bits[at : at + 4], "little") for at in range(block * 32, block * 32 + 32, 4)]
    return all(
        word >> ((digest & 0xFFFFFFFF) * salt >> 27 & 31) & 1 for word, salt in zip(words, SALTS, strict=True)
    )  # fmt: skip


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0."""

    def turn(value: int, by: int) -> int:
        return (value << by | value >> 64 - by) & MASK

    def mix(lane: int, word: int) -> int:
        return turn(lane + word * P2 & MASK, 31) * P1 & MASK

    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data) - 7, 8)]
    done, value = len(data) // 32 * 4, P5
    if done:
        lanes = [P1 + P2 & MASK, P2, 0, -P1 & MASK]
        for at in range(done):
            lanes[at % 4] = mix(lanes[at % 4], words[at])
        value = sum(turn(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & MASK
        for lane in lanes:
            value = (value ^ mix(0, lane)) * P1 + P4 & MASK
    value = value + len(data) & MASK
    for word in words[done:]:
        value = turn(value ^ mix(0, word), 27) * P1 + P4 & MASK
    rest = data[len(words) * 8 :]
    if len(rest) >= 4:
        value = turn(value ^ int.from_bytes(rest[:4], "little") * P1 & MASK, 23) * P2 + P3 & MASK
        rest = rest[4:]
    for byte in rest:
        value = turn(value ^ byte * P5 & MASK, 11) * P1 & MASK
    value = (value ^ value >> 33) * P2 & MASK
    value = (value ^ value >> 29) * P3 & MASK
    return value ^ value >> 32
