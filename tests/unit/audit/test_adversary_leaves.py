"""Leaves by a signer who cheats: whatever two readers may read in two ways is refused. Part of the adversary kit."""

import json

import pytest

from audit.segment import Row, encode
from tests.golden import lies

REASONS = ("leaf", "request.")


@pytest.fixture
def busy(world):
    """A log whose last record is a request in a file of its own."""
    world.log = world.open()
    world.log.append([world.request("first")])
    world.log.append([world.request("last")])
    return world


READINGS = {
    "a float": (b'"seq":0', b'"seq":0.0'), "minus zero": (b'"seq":0', b'"seq":-0'),
    "a float in a field": (b'"score_ppm":1000', b'"score_ppm":1000.0'), "NaN": (b'"seed":null', b'"seed":NaN'),
    "a key twice": (b'"v":1', b'"v":1,"v":1'), "two kinds": (b'"kind":"request"', b'"kind":"tick","kind":"request"'),
    "two roles": (b'"role":"learner"', b'"role":"teacher","role":"learner"'), "a space": (b'{"a', b'{ "a'),
    "an escape": (b'"tenant":"school"', b'"tenant":"sch\\u006fol"'), "no actor": (b'"actor":"gateway",', b""),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), READINGS.values(), ids=READINGS)
def test_a_leaf_may_not_be_read_in_two_ways(busy, monkeypatch, old, new):
    with monkeypatch.context() as patched:
        lies.leaf(old, new)(busy, patched)
    code, report = busy.verify()
    assert (code, report["first_bad"]["index"]) == (1, busy.log.size - 1)
    assert report["first_bad"]["reason"].startswith(REASONS)


def test_a_leaf_in_another_order_or_form_is_refused(busy, monkeypatch):
    path, good = lies.last(busy)
    (row,) = good.rows
    read = json.loads(row.leaf)
    turned = json.dumps(dict(reversed(read.items())), separators=(",", ":")).encode()
    for data in (turned, row.leaf + b"\n", b"\xef\xbb\xbf" + row.leaf, row.leaf.decode().encode("utf-16")):
        assert data != row.leaf
        rows = [Row(data, row.content)]
        path.write_bytes(encode(good.head.origin, good.before, rows, busy.keys.signer, [read]))
        code, report = busy.verify()
        assert (code, report["first_bad"]["index"]) == (1, busy.log.size - 1)
        assert report["first_bad"]["reason"].startswith(REASONS)
