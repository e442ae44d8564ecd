"""Whatever a feed holds, its elements come out whole, each where it says it stands; what is broken says why."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.feeds import atlas, cut, cut_json, cut_xml
from train.feeds.cut import Cutter, Piece

MOST = 1 << 16
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(params=[1, 2, 3, 7, 64, 1 << 20], autouse=True)
def chunk(request: pytest.FixtureRequest) -> Iterator[int]:
    """Nothing may depend on how the bytes come in."""
    with (
        patch.object(cut, "CHUNK", request.param),
        patch.object(cut_json, "CHUNK", request.param),
        patch.object(cut_xml, "CHUNK", request.param),
    ):
        yield request.param


def pieces(cutter: Cutter, data: bytes, most: int = MOST) -> list[Piece]:
    found = list(cutter(io.BytesIO(data), most))
    for piece in found:
        assert piece.reason or data[piece.start : piece.end] == piece.data
        assert 0 <= piece.start <= piece.end <= len(data)
    return found


@given(
    st.lists(VALUES, max_size=6), st.dictionaries(st.text(max_size=8), VALUES, max_size=3), st.sampled_from([None, 1])
)
def test_the_elements_of_a_json_array_are_those_of_the_json_module(
    elements: list[Any], around: dict[str, Any], indent: int | None
) -> None:
    around.pop("objects", None)
    whole = {**around, "objects": elements, "after": [1, {"objects": [2]}]}
    data = json.dumps(whole, indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    found = pieces(cut_json.items("objects"), data)
    assert [json.loads(piece.data) for piece in found] == json.loads(data)["objects"]
    flat = json.dumps(elements, indent=indent).encode()
    assert [json.loads(piece.data) for piece in pieces(cut_json.items(), flat)] == elements


@given(st.binary(max_size=200))
def test_no_bytes_stop_a_cutter(data: bytes) -> None:
    for cutter in (cut.whole, cut.sections, cut.documents, cut.rows, cut.statements, cut_json.items("objects"),
                   cut_json.items(), cut_xml.elements("a"), atlas.cut):  # fmt: skip
        pieces(cutter, data)
        pieces(cutter, b'{"objects": [' + data, most=50)
        pieces(cutter, b"<r><a>" + data + b"</a></r>", most=50)


@given(st.lists(st.lists(st.text(alphabet='ab",\n\r x', max_size=8), min_size=2, max_size=3), min_size=1, max_size=5))
def test_csv_records_are_those_of_the_csv_module(table: list[list[str]]) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    found = pieces(cut.rows, sink.getvalue().encode())
    assert [cut.fields(piece.data) for piece in found] == table


@given(st.lists(st.text(alphabet="a<&\"'é ]>\n", max_size=12), max_size=5))
def test_xml_elements_come_out_with_their_text(texts: list[str]) -> None:
    from xml.sax.saxutils import escape, quoteattr

    body = "".join(f"<x:a n={quoteattr(text)}>{escape(text)}<b/></x:a>\n<c/>" for text in texts)
    data = f'<?xml version="1.0"?><r xmlns:x="urn:x">{body}</r>'.encode()
    found = pieces(cut_xml.elements("a"), data)
    assert [cut_xml.tree(piece.data, {"x": "urn:x"}).get("n") for piece in found] == [
        text.replace("\n", "\n") for text in texts
    ]


def test_a_bad_element_spoils_no_other() -> None:
    data = b'{"objects": [{"a": 1}, {"a": tru}, {"a": "x\\"]}"}, [}], 3]}'
    found = pieces(cut_json.items("objects"), data)
    assert [piece.data for piece in found][:3] == [b'{"a": 1}', b'{"a": tru}', b'{"a": "x\\"]}"}']


@pytest.mark.parametrize(
    ("cutter", "data", "reason"),
    [
        (cut_json.items("objects"), b'{"objects": [{"a": 1}, {"b":', "file ends before"),
        (cut_json.items("objects"), b'{"other": []}', "expected an array"),
        (cut_json.items("objects"), b'{"objects": [{"a": "' + b"x" * 400 + b'"}, {"b": 2}]}', "at most 300 bytes"),
        (cut.whole, b"x" * 400, "at most 300 bytes"),
        (cut.rows, b'a,b\n"' + b"x" * 400 + b'",1\nc,d\n', "at most 300 bytes"),
        (cut.rows, b'a,b\n"c', "closing quote"),
        (cut.statements, b":A a :B .\n:C a", "full stop"),
        (cut_xml.elements("a"), b"<r><a>" + b"x" * 400 + b"</a><a/></r>", "at most 300 bytes"),
        (cut_xml.elements("a"), b"<r><a>" + b"<b>" * 105 + b"</a></r>", "cannot be read on"),
        (cut_xml.elements("a"), b'<!DOCTYPE r [<!ENTITY e "eeee">]><r><a>&e;</a></r>', "document type"),
        (cut_xml.elements("a"), b"<r><a>1</a><a>", "cannot be read on"),
        (atlas.cut, b"matrices:\n- tactics:\n  - id: [1\n", "YAML"),
    ],
)
def test_what_cannot_be_cut_says_why_and_the_rest_goes_on(cutter: Cutter, data: bytes, reason: str) -> None:
    found = pieces(cutter, data, most=300)
    assert any(reason in piece.reason for piece in found), found
    if cutter is cut.rows:
        assert any(not piece.reason for piece in found)


def test_headings_in_code_are_no_sections() -> None:
    page = b"# Page\n\nIntro\n\n```sh\n# no heading\n```\n\n## One\n```a word```\ntext\n\n### deeper\n\n## Two\n"
    found = [piece.data.split(b"\n")[0] for piece in pieces(cut.sections, page)]
    assert found == [b"# Page", b"## One", b"## Two"]


def test_deep_nesting_is_refused_before_anything_recurses() -> None:
    deep = b"<r><a>" + b"<b>" * 150 + b"</b>" * 150 + b"</a><a/></r>"
    assert ["nesting" in piece.reason for piece in pieces(cut_xml.elements("a"), deep)] == [True, False]
    yaml = b"matrices:\n- tactics:\n  - " + b"[" * 5000 + b"]" * 5000
    assert any("nesting" in piece.reason for piece in pieces(atlas.cut, yaml))
