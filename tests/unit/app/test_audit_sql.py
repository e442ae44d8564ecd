"""An auditor's own SELECT: what comes back as JSON, what is refused and how fast, and who may ask."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from app.auditing import tables
from app.auditing.tables import MOST_ROWS, shown
from app.auth import OPERATOR, Role
from audit.sandbox import Bounds
from tests.unit.app.conftest import World

SAID = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOSTILE = {
    "attach '/tmp/x.db'": "expected one SELECT",
    "copy (select 1) to '/tmp/x.csv'": "expected one SELECT",
    "install httpfs": "expected one SELECT",
    "set enable_external_access = true": "expected one SELECT",
    "drop view records": "expected one SELECT",
    "select 1; select 2": "expected one SELECT",
    "select * from read_csv('/etc/passwd')": "disabled by configuration",
    "select * from 'https://example.com/x.parquet'": "",
    "select nothing from records": "nothing",
    "select 'open": "unterminated",
    "select error('\x1b]0;title\x07')": "title",
    "select 'infinity'::timestamp as t": "",
    "select '\x00' as nul": "",
}
ENDLESS = "with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t"


@pytest.fixture
async def asked(world: World):
    headers = {"authorization": f"Bearer {world.key('rita', Role.AUDITOR, tenant=OPERATOR)}"}

    async def ask(sql: str, **more: str):
        await world.view.refresh()
        return await world.http.post("/v1/audit/query", json={"sql": sql} | more, headers=headers)

    return ask


def test_cells_are_json_that_every_reader_reads_alike() -> None:
    cells = {
        True: True, "x": "x", 2**53 - 1: 2**53 - 1, 2**53: str(2**53), 0.5: 0.5, float("inf"): "inf",
        Decimal("1.50"): 1.5, Decimal(7): 7, b"\xaa": "aa", SAID: "2026-11-29T12:00:00+00:00",
        SAID.date(): "2026-11-29", timedelta(seconds=90): 90.0,
    }  # fmt: skip
    for value, told in cells.items():
        assert shown(pa.table({"a": pa.array([value])}))["rows"] == [[told]]
    nested = pa.array([{"at": SAID, "n": [2**60, None]}])
    assert shown(pa.table({"a": nested}))["rows"] == [[{"at": SAID.isoformat(), "n": [str(2**60), None]}]]


def test_two_columns_of_one_name_and_too_many_rows() -> None:
    table = pa.Table.from_arrays([pa.array(range(MOST_ROWS + 1)), pa.array(range(MOST_ROWS + 1))], ["n", "n"])
    told = shown(table)
    assert told["columns"] == [{"name": "n", "type": "int64"}] * 2
    assert (len(told["rows"]), told["rows"][-1], told["truncated"]) == (MOST_ROWS, [MOST_ROWS - 1] * 2, True)
    assert shown(table.slice(1))["truncated"] is False


async def test_a_select_is_answered_without_any_text(asked, world) -> None:
    await world.ask()
    answer = await asked("select kind, text from records where kind in ('request', 'answer') order by idx")
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [["request", None], ["answer", None]]
    many = (await asked("select range as n from range(100000000)")).json()
    assert (len(many["rows"]), many["truncated"]) == (MOST_ROWS, True)


@pytest.mark.parametrize("sql", HOSTILE, ids=repr)
async def test_hostile_sql_is_refused_with_the_reason(asked, sql) -> None:
    answer = await asked(sql)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] in ("query_refused", "invalid_value")
    assert HOSTILE[sql] in error["message"]
    assert all(c.isprintable() or c == "\n" for c in error["message"])


async def test_an_endless_query_ends_within_its_bound(asked, monkeypatch) -> None:
    monkeypatch.setattr(tables, "BOUNDS", Bounds(1, tables.MAX_BYTES, MOST_ROWS + 1))
    started = time.monotonic()
    answer = await asked(ENDLESS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query_refused")
    assert time.monotonic() - started < 25


async def test_a_result_beyond_its_bytes_is_refused(asked) -> None:
    answer = await asked("select repeat('x', 100000000) as much")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query_refused")
    assert "at most" in answer.json()["error"]["message"]


async def test_the_body_is_checked(asked) -> None:
    for answer in (await asked(""), await asked("x" * 20_001), await asked("select 1", keys="/keys")):
        assert answer.status_code == 400


@pytest.mark.parametrize(("role", "tenant", "code"), [
    (Role.AUDITOR, "school", "tenant_not_allowed"), (Role.ADMIN, "school", "tenant_not_allowed"),
    (Role.REVIEWER, OPERATOR, "role_not_allowed"), (Role.LEARNER, OPERATOR, "role_not_allowed"),
])  # fmt: skip
async def test_sql_and_reports_are_the_operators_auditors(world, role, tenant, code) -> None:
    headers = {"authorization": f"Bearer {world.key('eve', role, tenant=tenant)}"}
    report = "/v1/audit/reports/refusal_statistics?from=2026-01-01&to=2027-01-01"
    for answer in (
        await world.http.post("/v1/audit/query", json={"sql": "select 1"}, headers=headers),
        await world.http.get(report, headers=headers),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, code), json.dumps(answer.json())
