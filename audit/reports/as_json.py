"""A report as JSON; docs/reports.md is its schema. Whole digests and texts, whatever the other forms cut."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from audit.reports.report import FORMAT, Evidence, Report, Section, Table


def render(report: Report) -> bytes:
    """The document."""
    return (json.dumps(_document(report), ensure_ascii=False, indent=1, default=_plain) + "\n").encode()


def _document(report: Report) -> dict[str, Any]:
    return {
        "report": report.name,
        "version": FORMAT,
        "number": report.number,
        "title": report.title,
        "purpose": report.purpose,
        "period": {"from": report.period.start, "to": report.period.end},
        "integrity": asdict(report.integrity),
        "generator": {"name": "preceptor audit.report", **asdict(report.maker)},
        "policies": _section(report.policies),
        "sections": [_section(section) for section in report.sections],
        "evidence": [_evidence(one) for one in report.evidence],
        "absent_evidence": [asdict(one) for one in report.absent],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "heading": section.heading, "says": section.says, "absent": section.absent,
        "table": None if section.table is None else _table(section.table),
    }  # fmt: skip


def _table(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.columns]
    return {
        "columns": [asdict(column) for column in table.columns],
        "rows": [dict(zip(names, row, strict=True)) for row in table.rows],
        "cut": table.cut,
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    told = {"name": one.name, "sha256": one.sha256, "named_by": one.named_by, "expected": one.expected}
    if one.text is not None:
        return told | {"text": one.text}
    return told | {"base64": base64.b64encode(one.data).decode("ascii")}


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)  # type: ignore[call-overload]  # a Share
    return str(value)
