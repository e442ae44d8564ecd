"""Rows laid out as a section: columns in order, shares counted out, bars picked."""

from __future__ import annotations

from collections.abc import Sequence

from audit.reports.asking import MAX_ROWS, Row
from audit.reports.definition import ChartOf, ColumnOf, SectionOf
from audit.reports.report import Chart, Column, Section, Table, Value
from audit.reports.share import Share, share_of


def laid(part: SectionOf, found: Sequence[Row] | str) -> Section:
    """The section; `found` is its rows, or why there are none to have."""
    if isinstance(found, str):
        return Section(part.heading, part.says.strip(), absent=found)
    rows = found[:MAX_ROWS]
    columns = tuple(Column(_name(one), one.heading, "share" if one.of else one.unit) for one in part.columns)
    cells = tuple(tuple(_cell(one, row) for one in part.columns) for row in rows)
    table = Table(columns, cells, part.figures, cut=len(found) > MAX_ROWS)
    chart = None if part.chart is None else _chart(part.chart, table)
    return Section(part.heading, part.says.strip(), table, chart)


def _name(column: ColumnOf) -> str:
    return f"{column.name}_share" if column.of else column.name


def _cell(column: ColumnOf, row: Row) -> Value:
    value: Value = row.get(column.name)
    if column.of is None:
        return value
    return share_of(row.get(column.name), row.get(column.of))


def _chart(wanted: ChartOf, table: Table) -> Chart:
    names = [column.name for column in table.columns]
    label, value = names.index(wanted.label), names.index(wanted.value)
    bars = tuple((str(row[label]), _height(row[value])) for row in table.rows)
    return Chart(wanted.heading, table.columns[value].unit, bars)


def _height(value: Value) -> float:
    if isinstance(value, Share):
        return value.value
    return float(value) if isinstance(value, int | float) else 0.0
