"""A report as one HTML page that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from audit.reports import cells
from audit.reports.bars import draw
from audit.reports.report import Report

TEMPLATE = "page.html"


def render(report: Report) -> bytes:
    """The page. Whatever the log or a file holds is escaped."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.globals |= {
        "shown": cells.shown, "stamped": cells.stamped, "outcome": cells.outcome, "fault": cells.fault, "draw": draw,
    }  # fmt: skip
    return (pages.get_template(TEMPLATE).render(report=report) + "\n").encode()
