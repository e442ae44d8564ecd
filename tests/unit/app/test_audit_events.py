"""The timeline: what the form finds, in pages; and that no form, whatever its strings, sees another tenant."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auditing.events import Cursor, Form
from app.auth import OPERATOR, Role
from app.errors import BadRequest
from app.literals import microseconds, quoted
from audit import confined
from audit.kinds import Kind
from audit.reading import read_root
from audit.sandbox import Request, files_of
from tests.unit.app.auditing import TENANTS, asked, auditor, tell

Leaf = dict[str, Any]
HOSTILE = ("' or true --", "\\' or true --", "'; select 1; --", "' union all select leaf from stored --", "$$", "\0",
           "\N{RIGHT SINGLE QUOTATION MARK}", "x' or tenant = 'bank", "')) or ((true", "/*", "E'\\x27'")  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[list[Leaf], Callable[[str], list[Leaf]]]:
    """All records of a log of three tenants, and the database that answers, without the process around it."""
    world = tell(tmp_path_factory.mktemp("told"))
    connection = confined.connect(Request("", files_of(read_root(world.root))))

    def ask(sql: str) -> list[Leaf]:
        with pa.ipc.open_stream(confined.select(connection, sql)) as reader:
            return [json.loads(row["leaf"]) for row in reader.read_all().to_pylist()]

    return ask("select json_of(leaf) as leaf from stored"), ask


def place(leaf: Leaf) -> tuple[int, str, int]:
    return leaf["ts"], leaf["origin"], leaf["idx"]


def expected(leaves: Sequence[Leaf], tenant: str, form: Form) -> list[Leaf]:
    """What a form should find, by a loop."""
    same = {"kind": form.kind, "subject": form.subject, "request_id": form.request_id}
    judged = {"action": form.action, "category": form.category}
    found = [
        leaf for leaf in leaves
        if tenant in (OPERATOR, leaf["tenant"])
        and all(value is None or leaf[name] == value for name, value in same.items())
        and all(value is None or leaf["fields"].get(name) == value for name, value in judged.items())
        and (form.since is None or leaf["ts"] >= microseconds(form.since))
        and (form.until is None or leaf["ts"] < microseconds(form.until))
    ]  # fmt: skip
    if form.before:
        cursor = Cursor.parse(form.before)
        found = [leaf for leaf in found if place(leaf) < (cursor.ts, cursor.origin, cursor.idx)]
    return sorted(found, key=place, reverse=True)[: form.limit + 1]


def of(leaves: Sequence[Leaf], name: str) -> st.SearchStrategy[Any]:
    """A value that is there, a hostile one, any text, or none."""
    there = sorted({str(leaf.get(name) or leaf["fields"].get(name)) for leaf in leaves})
    return st.none() | st.sampled_from(there) | st.sampled_from(HOSTILE) | st.text(max_size=20)


@st.composite
def forms(draw: Any, leaves: Sequence[Leaf]) -> Form:
    """A form that nothing has checked, so that the literals alone have to hold."""
    times = [datetime.fromtimestamp(leaf["ts"] / 1e6, UTC) for leaf in leaves]
    moment = st.none() | st.sampled_from(times) | st.datetimes(timezones=st.just(UTC))
    origin = st.sampled_from(sorted({leaf["origin"] for leaf in leaves})) | st.sampled_from(HOSTILE)
    cursor = st.builds(Cursor, st.sampled_from([leaf["ts"] for leaf in leaves]), st.integers(0, 30), origin)
    return Form.model_construct(
        kind=draw(st.none() | st.sampled_from(Kind)), action=draw(of(leaves, "action")),
        category=draw(of(leaves, "category")), subject=draw(of(leaves, "subject")),
        request_id=draw(of(leaves, "request_id")), since=draw(moment), until=draw(moment),
        before=draw(st.none() | st.builds(str, cursor)), limit=draw(st.integers(1, 200)),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_form_whatever_its_strings_escapes_its_tenant(told, data) -> None:
    leaves, ask = told
    tenant = data.draw(st.sampled_from((*TENANTS, OPERATOR, *HOSTILE)))
    form = data.draw(forms(leaves))
    try:
        sql = form.sql(auditor(tenant))
    except BadRequest:
        return  # a cursor or NUL that no record can have
    found = ask(sql)
    assert found == expected(leaves, tenant, form)
    assert {leaf["tenant"] for leaf in found} <= {tenant} or tenant == OPERATOR


@given(st.text())
def test_a_literal_is_its_text(text) -> None:
    import duckdb

    if "\0" in text:
        with pytest.raises(ValueError, match="NUL"):
            quoted(text)
    else:
        assert duckdb.sql(f"select {quoted(text)}").fetchall() == [(text,)]


def test_each_tenant_sees_its_own_and_the_operator_all(told) -> None:
    leaves, ask = told
    assert len(ask(Form(limit=200).sql(auditor()))) == len(leaves)
    for tenant in TENANTS:
        found = ask(Form(limit=200).sql(auditor(tenant)))
        assert len(found) == 10
        assert {leaf["tenant"] for leaf in found} == {tenant}
    assert ask(Form().sql(auditor("nobody"))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nonsense"}, {"action": "allow"}, {"category": "x\n"}, {"subject": "ada"}, {"request_id": "a b"},
        {"since": "5"}, {"until": "tomorrow"}, {"before": "x"}, {"limit": 0}, {"limit": 201}, {"tenant": "bank"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_form_is_checked_before_anything_is_asked(world, wrong) -> None:
    headers = {"authorization": f"Bearer {world.key('rita', Role.AUDITOR)}"}
    answer = await world.http.get("/v1/audit/events", params=wrong, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(wrong))), answer.text


async def test_pages_neither_repeat_nor_skip_while_the_log_grows(world) -> None:
    for number in range(3):
        world.exchange.log.append(asked("school", f"q{number}"))
        world.exchange.log.append(asked("bank", f"b{number}"))
    headers = {"authorization": f"Bearer {world.key('rita', Role.AUDITOR)}"}
    seen, before = [], None
    for turn in range(9):
        await world.view.refresh()
        asks = {"limit": 2, "since": "2020-01-01"} | ({"before": before} if before else {})
        answer = await world.http.get("/v1/audit/events", params=asks, headers=headers)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["events"]
        world.exchange.log.append(asked("school", f"later{turn}"))
        if (before := answer.json()["next"]) is None:
            break
    assert before is None
    assert {event["tenant"] for event in seen} == {"school"}
    assert [event["request_id"] for event in seen if event["kind"] == "request"] == ["q2", "q1", "q0"]
    places = [place(event) for event in seen]
    assert places == sorted(set(places), reverse=True)
    assert all("text" not in event and "content" not in event for event in seen)
