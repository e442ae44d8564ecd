"""Role by route by method, each cell tried on the real application; a route that the matrix does not name fails."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from fastapi.routing import iter_route_contexts

from app.auth import Role
from app.contract.routes import PAGES, ROUTES
from app.settings import Limits
from audit.record import Entry, Kind
from tests.unit.app.conftest import World, promotion
from tests.unit.app.matrix import CALLERS, ELSEWHERE, ROWS, Caller, Row

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "BREW"}
PLENTY = Limits(guard_timeout_s=5, deadline_s=30, requests_per_minute=10_000)
SAID = {"label": "harmful", "expected": "REFUSE"}
ABOUT = {row.path for row in ROWS if "{about}" in row.path or "{request_id}" in row.path} | {
    "/v1/appeals",
    "/v1/findings",
    "/v1/review",
}
OFFERED = {(row.method, row.path) for row in ROWS}


@pytest.fixture
async def school(make_world) -> World:
    return await make_world(PLENTY)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The document that every application gives, read once."""
    world = World(tmp_path_factory.mktemp("contract"), PLENTY)
    return schemathesis.openapi.from_dict(world.app().openapi())


def headers(world: World, caller: Caller) -> dict[str, str]:
    if caller.role is None:
        return {} if caller.name == "nobody" else {"authorization": "Bearer garbage"}
    return {"authorization": f"Bearer {world.key(caller.name, caller.role, tenant=caller.tenant)}"}


async def accepts(world: World, sent: dict[str, str]) -> None:
    await world.view.refresh()
    await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=sent)


async def asks(world: World, sent: dict[str, str], text: str) -> str:
    """The id of a question of theirs, after they accepted the terms."""
    await accepts(world, sent)
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}]}
    said = (await world.http.post("/v1/chat/completions", json=body, headers=sent)).json()
    return str((said if "preceptor" in said else said["error"])["preceptor"]["request_id"])


def record(variant: str) -> dict[str, Any]:
    finding = {"campaign": "c", "attack": "a", "outcome": "passed", "about": None, "category": None, "source": "tool"}
    made = {
        "grant": Entry(Kind.grant, str(uuid4()), 0, "school", "eve", {"jti": "a", "role": "learner", "expires_us": 1}),
        "model": promotion("c" * 64),
        "found": Entry(Kind.finding, str(uuid4()), 0, "", "", finding),
        "review": Entry(Kind.review, str(uuid4()), 0, "", "", {"about": "x", "decision": "uphold", "reviewer": "r"}),
    }
    return made[variant].to_json()


def body_of(world: World, row: Row, about: str, sent: dict[str, str]) -> dict[str, Any] | None:
    mark = {"request_id": about, "technique": "direct", "severity": "low", "expected": "REFUSE"}
    bodies: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"model": "tiny", "messages": [{"role": "user", "content": "What is TLS?"}]},
        "/v1/terms": {"digest": world.terms.digest},
        "/v1/lessons/{lesson_id}/pass": {"answers": []},
        "/v1/appeals": {"request_id": about, "reason": "no"},
        "/v1/findings": mark,
        "/v1/audit/query": {"sql": "select 1 as one, [ts] as many from stored limit 1"},
        "/v1/verify": {"text": "A text of more than forty letters that is the answer to nobody's question."},
        "/v1/audit/records": {"records": [record(row.variant)]} if row.variant not in ("", "own") else {},
        "/v1/review/{about}/text": {"reason": "review"},
        "/v1/review/{about}/label": SAID,
        "/v1/review/{about}/decide": SAID | {"decision": "uphold"},
        "/session": {"key": sent.get("authorization", "none").removeprefix("Bearer ")},
    }
    return bodies.get(row.path) if row.method == "POST" else None


def filled(world: World, path: str, about: str) -> str:
    lesson = next(name for name, one in world.tutor.lessons.items() if one.questions)
    return path.format(name="tiny", lesson_id=lesson, request_id=about, about=about)


async def tried(world: World, row: Row, caller: Caller) -> httpx.Response:
    """One cell: on a fresh request, so that no cell rests on another."""
    sent, ada = headers(world, caller), headers(world, CALLERS[2])
    about = ""
    if row.variant == "own" and caller.role:
        about = await asks(world, sent, "What is a firewall?")
    elif row.path in ABOUT:
        about = await asks(world, ada, "HARMWORD")
    await accepts(world, sent)
    answer = await world.http.request(
        row.method, filled(world, row.path, about), json=body_of(world, row, about, sent), headers=sent
    )
    world.http.cookies.clear()  # a session that began counts for nobody else
    if caller.tenant == ELSEWHERE and row.variant != "own" and about and answer.is_success:
        assert about not in answer.text, "another tenant's request shows"
    return answer


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_caller_may_what_the_matrix_says(school: World, contract: Any, row: Row) -> None:
    school.http.headers.pop("authorization", None)
    operation = contract[row.path][row.method]
    seen = []
    for caller in CALLERS:
        answer = await tried(school, row, caller)
        operation.validate_response(answer)
        seen.append(answer.status_code)
    named = {caller.name: pair for caller, *pair in zip(CALLERS, seen, row.statuses, strict=True) if pair[0] != pair[1]}
    assert not named, f"(came, expected): {named}"


async def test_a_stream_is_as_the_document_tells(school: World, contract: Any) -> None:
    operation = contract["/v1/chat/completions"]["POST"]
    for text in ("What is TLS?", "LABWORD"):
        await school.view.refresh()
        answer = await school.ask(text, stream=True)
        assert answer.headers["content-type"].startswith("text/event-stream")
        operation.validate_response(answer)


async def test_the_matrix_names_every_route_and_the_contract_the_same(school: World) -> None:
    there = {(method, each.path) for each in iter_route_contexts(school.app().routes) for method in each.methods or ()}
    assert there == OFFERED | {(method, path) for path, methods in PAGES.items() for method in methods}
    assert {(route.method, route.path) for route in ROUTES} == OFFERED


def test_the_contract_tells_the_roles_of_the_matrix() -> None:
    """A role is told where the matrix ever lets it past the role's own check."""
    for route in ROUTES:
        rows = [row for row in ROWS if (row.method, row.path) == (route.method, route.path)]
        cells = [(caller.role, row.statuses[at]) for row in rows for at, caller in enumerate(CALLERS)]
        allowed = {role for role, status in cells if role and status != 403}
        assert allowed == set(route.roles or Role), route
        assert {status for _, status in cells} - {route.status} <= set(route.refusals), route


async def test_what_is_not_offered_is_405_and_says_what_is(school: World) -> None:
    admin = {"authorization": f"Bearer {school.key('root', Role.ADMIN)}"}
    for path in {path for _, path in OFFERED} | set(PAGES):
        offered = {method for method, each in OFFERED if each == path} | set(PAGES.get(path, ()))
        for method in sorted(METHODS - offered):
            for sent in ({}, admin):
                answer = await school.http.request(method, filled(school, path, str(uuid4())), headers=sent)
                assert answer.status_code == 405, (method, path, answer.status_code)
                allowed = set(answer.headers["allow"].split(", "))
                assert allowed >= offered, (path, allowed)
                assert method not in allowed
