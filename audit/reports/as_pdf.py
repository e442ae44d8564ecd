"""A report as PDF, A4 across. Its font has Latin letters; of others it shows a mark, and the other forms have them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer

from audit.reports import cells
from audit.reports.pdf_parts import charted, gridded, listed, stacked
from audit.reports.pdf_text import FONT, plain, words
from audit.reports.report import Evidence, Head, Report, Section

COLUMNS = 9  # of a table that still fits; a wider one is told row by row
EVIDENCE_CHARACTERS, PIECE = 20_000, 2_000


def render(report: Report) -> bytes:
    """The document."""
    out, margin = BytesIO(), 14 * mm
    document = SimpleDocTemplate(
        out, pagesize=landscape(A4), leftMargin=margin, rightMargin=margin, topMargin=margin, bottomMargin=18 * mm,
        title=report.title, author="Preceptor", subject=report.name,
    )  # fmt: skip

    def footer(canvas: Canvas, _: object) -> None:
        canvas.setFont(FONT, 7)
        canvas.drawString(margin, 10 * mm, plain(f"{report.title}. {cells.outcome(report.integrity.valid)[:28]}"))
        canvas.drawRightString(landscape(A4)[0] - margin, 10 * mm, f"Page {canvas.getPageNumber()}")

    document.build(list(_story(report)), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def _story(report: Report) -> Iterator[Flowable]:
    proof, maker = report.integrity, report.maker
    yield words(f"{cells.outcome(proof.valid)} {cells.fault(proof.first_bad)}", "outcome" if proof.valid else "bad")
    yield words(report.title, "title")
    yield words(report.purpose)
    yield words(
        f"From {cells.stamped(report.period.start)} up to {cells.stamped(report.period.end)}, all times UTC. Made "
        f"{cells.stamped(maker.made)} by Preceptor {maker.version}, report definition {maker.definition}."
    )
    yield words("What this report rests on", "heading")
    source = "outside the logs" if proof.key_source == "given" else "the root of the logs itself"
    yield words(f"Every file of every log was checked against the verifier key, which came from {source}:")
    yield words(proof.verifier_key or "no verifier key can be read", "code")
    yield from (words(note, "soft") for note in proof.notes)
    for head in proof.heads:
        yield from _head(head)
    for section in (report.policies, *report.sections):
        yield from _section(section)
    yield from _evidence(report)


def _head(head: Head) -> Iterator[Flowable]:
    yield words(f"{head.origin}: {head.size} records, root {head.root}")
    if head.signed is None:
        yield words("No file ends with this head any more: the log was packed meanwhile.", "soft")
    else:
        yield from (words(line, "code") for line in head.signed.split("\n") if line)


def _section(section: Section) -> Iterator[Flowable]:
    yield words(section.heading, "heading")
    yield words(section.says)
    if section.absent is not None or section.table is None:
        yield words(section.absent or cells.NOTHING, "soft")
        return
    table = section.table
    if section.chart is not None and section.chart.bars:
        yield charted(section.chart)
        yield words(section.chart.heading, "soft")
    if not table.rows:
        yield words("Nothing of this in the period.", "soft")
    elif table.figures:
        yield listed(table)
    elif len(table.columns) > COLUMNS:
        yield from stacked(table)
    else:
        yield from gridded(table)
    if table.cut:
        yield words(f"There are more rows than the {len(table.rows)} shown here: ask for a shorter period.", "soft")
    yield Spacer(1, 2 * mm)


def _evidence(report: Report) -> Iterator[Flowable]:
    if report.evidence or report.absent:
        yield words("Evidence from outside the log", "heading")
        yield words("The log does not vouch for what these say, only, where a record names one, that this was it.")
    for lacking in report.absent:
        yield words(f"Absent: {lacking.name}, which would hold {lacking.expected}.", "soft")
    for one in report.evidence:
        yield from _file(one)


def _file(one: Evidence) -> Iterator[Flowable]:
    named = f"named by records of kind {', '.join(one.named_by)}" if one.named_by else "no record names this digest"
    yield words(f"{one.name}: SHA-256 {one.sha256}, {len(one.data)} bytes, {named}.")
    text = one.text
    if text is None:
        yield words("Not text; the JSON form holds it.", "soft")
        return
    told = text[:EVIDENCE_CHARACTERS]  # without its line breaks: JSON would fill a page with figures
    yield from (words(told[start : start + PIECE], "code") for start in range(0, len(told), PIECE))
    if len(text) > EVIDENCE_CHARACTERS:
        yield words(f"The first {EVIDENCE_CHARACTERS} characters; the HTML and JSON forms hold all.", "soft")
