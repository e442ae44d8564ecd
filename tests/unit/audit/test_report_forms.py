"""Every report in every form: readable, whole, and nothing that somebody wrote gets out of its cell."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from pdfminer.high_level import extract_text

from audit import init
from audit.reports import as_html, as_json, as_pdf, cells, definition
from audit.reports.asking import MAX_ROWS
from audit.reports.building import Order, build
from audit.reports.evidence import Given
from audit.reports.period import Period
from audit.reports.report import Chart, Column, Report, Section, Table
from audit.reports.share import share_of
from tests.unit.audit.report_fixture import END, HOSTILE, START, tell

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "reports.md").read_text()
PERIOD = Period.parse(START, END)
OMEGA = "\N{GREEK SMALL LETTER OMEGA}"


class Page(HTMLParser):
    """What of a page could reach out or mislead: its tags, its addresses, and heads of tables without scope."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.heads: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.addresses += [name for name in given if name in ("src", "href", "action", "data") or name.startswith("on")]
        if tag == "th":
            self.heads.append(given.get("scope"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tell(tmp_path_factory.mktemp("told")).home


@pytest.fixture(scope="module")
def reports(home) -> dict[str, Report]:
    given = [Given("other.txt", f"{HOSTILE} {OMEGA}".encode()), Given("model.sig", b"\xff\x00")]
    orders = [Order(name, home / "audit", PERIOD, given, home / "keys") for name in definition.names()]
    return {order.name: build(order, lambda _: None) for order in orders}


@pytest.fixture(scope="module")
def nothing(tmp_path_factory) -> dict[str, Report]:
    home = tmp_path_factory.mktemp("empty")
    init.begin(home / "audit", home / "keys", "test", 1)
    return {name: build(Order(name, home / "audit", PERIOD), lambda _: None) for name in definition.names()}


def pdf_text(report: Report) -> str:
    data = as_pdf.render(report)
    assert data.startswith(b"%PDF-")
    return re.sub(r"\s+", " ", extract_text(BytesIO(data)))


@pytest.mark.parametrize("name", definition.names())
def test_html_needs_nothing_else_and_holds_what_was_written_as_text(reports, name):
    page = as_html.render(reports[name]).decode()
    found = Page(page)
    assert found.addresses == []
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(found.tags)
    assert "url(" not in page
    assert "@import" not in page
    assert found.tags.count("table") == found.tags.count("caption") > 0
    assert set(found.heads) <= {"col", "row"}
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert OMEGA in page
    assert page.index("The log verifies.") < page.index("<h1>")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.parametrize("name", definition.names())
def test_pdf_is_readable_and_has_pages(reports, name):
    text = pdf_text(reports[name])
    assert text.index("The log verifies.") < text.index(reports[name].title)
    assert "Page 1" in text
    for head in reports[name].integrity.heads:
        assert head.root in text
        assert head.signed is not None
        assert head.signed.splitlines()[-1].split()[-1][:40] in text.replace(" ", "")
    assert f"{HOSTILE} ?" in text
    assert OMEGA not in text


@pytest.mark.parametrize("name", definition.names())
def test_json_has_the_documented_keys_and_everything_in_full(reports, name):
    found = json.loads(as_json.render(reports[name]))
    section = DOCUMENT.split("## JSON")[1].split("## Add")[0]
    told = {
        key
        for line in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
        for key in re.findall(r"\w+", line)
    }
    assert set(found) == told - {"table"}
    assert found["report"] == name
    assert found["version"] == 1
    assert found["period"] == {"from": "2040-01-01T00:00:00+00:00", "to": "2040-01-04T00:00:00+00:00"}
    assert set(found["integrity"]) == {"valid", "key_source", "verifier_key", "first_bad", "notes", "heads"}
    assert set(found["generator"]) == {"name", "version", "definition", "made"}
    assert found["policies"]["table"]["rows"][0]["policy_digest"] == "p" * 64
    for one in found["sections"]:
        assert set(one) == {"heading", "says", "absent", "table"}
        assert (one["absent"] is None) != (one["table"] is None)
    text, binary = found["evidence"]
    assert (text["text"], text["named_by"]) == (f"{HOSTILE} {OMEGA}", [])
    assert binary["base64"] == "/wA="


def test_with_keys_a_form_holds_reasons(reports):
    report = reports["human_oversight"]
    assert OMEGA in as_html.render(report).decode()
    assert f"my own router {OMEGA}." in as_json.render(report).decode()
    assert "my own router ?." in pdf_text(report)


@pytest.mark.parametrize("name", definition.names())
def test_a_log_that_holds_nothing_gives_every_form(nothing, name):
    report = nothing[name]
    assert report.integrity.valid
    found = json.loads(as_json.render(report))
    shares = [
        cell for one in found["sections"] if one["table"] and name not in ("control_crosswalk",)
        for row in one["table"]["rows"] for cell in row.values() if isinstance(cell, dict)
    ]  # fmt: skip
    assert shares == []
    assert report.title in as_html.render(report).decode()
    assert "The log verifies." in pdf_text(report)


def test_a_table_that_was_cut_says_so_in_every_form(nothing):
    table = Table((Column("n", "Number", "count"),), tuple((n,) for n in range(600)), cut=True)
    part = Section("Many", "A long one.", table, Chart("Bars", "count", (("a" * 60, 3.0), (HOSTILE, 0.0))))
    report = replace(nothing["incidents"], sections=(part,))
    page = as_html.render(report).decode()
    assert "There are more rows than the 600 shown here" in page
    assert HOSTILE not in page
    text = pdf_text(report)
    assert "There are more rows than the 600 shown here" in text
    assert text.count("Number") > 3
    assert json.loads(as_json.render(report))["sections"][0]["table"]["cut"] is True
    assert MAX_ROWS >= 600


def test_cells_longer_than_a_page_do_not_stop_the_pdf(nothing):
    wide = tuple(Column(f"c{n}", f"Column {n}", "text") for n in range(12))
    cell = "x" * 5_000 + " \N{CJK UNIFIED IDEOGRAPH-4E2D}\u202e\x00"
    parts = tuple(
        Section("Long", "Long cells.", Table(columns, ((cell,) * len(columns),), figures=figures))
        for columns, figures in ((wide[:9], False), (wide, False), (wide, True))
    )
    assert "Column 11" in pdf_text(replace(nothing["incidents"], sections=parts))


def test_values_read_as_people_write_them():
    assert cells.shown(share_of(1, 4), "share") == "25.0% [4.6%, 69.9%] (1 of 4)"
    assert cells.shown(None, "count") == "\N{EN DASH}"
    assert cells.shown(1234567, "count") == "1,234,567"
    assert cells.shown(True, "flag") == "yes"
    assert cells.shown(0.25, "share") == "25.0%"
    assert cells.shown("a" * 64, "digest") == "a" * 16 + "\N{HORIZONTAL ELLIPSIS}"
    assert cells.shown([], "list") == "\N{EN DASH}"
    assert share_of(0, 0) is None
