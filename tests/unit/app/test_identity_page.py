"""docs/identity.md is exact: its commands parse, and each row of its table of roles is tried with every role."""

import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app import keys
from app.auth import Role
from audit.record import Entry, Kind
from tests.unit.app.conftest import World

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "identity.md").read_text()
COMMAND = "python -m app.keys "
Probe = Callable[[World, dict[str, str], str, str], Awaitable[httpx.Response]]


def rows() -> dict[str, dict[Role, str]]:
    """The table of roles: what is done, and what stands under each role."""
    lines = [line for line in PAGE.partition("## What each role may do")[2].splitlines() if line.startswith("|")]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(map(Role, head[1:]), row[1:], strict=True)) for row in body}


def commands() -> list[str]:
    fenced = [line for line in PAGE.splitlines() if line.startswith(COMMAND)]
    inline = [part for part in PAGE.replace("\n  ", " ").split("`") if part.startswith(COMMAND)]
    return [*fenced, *(part for part in inline if part not in fenced)]


@pytest.mark.parametrize("line", commands())
def test_each_command_of_the_page_is_one(line: str) -> None:
    given = keys._parser().parse_args(shlex.split(line)[3:])
    assert given.command in ("mint", "list", "revoke", "accept")


def get(path: str) -> Probe:
    async def asked(world: World, headers: dict[str, str], own: str, other: str) -> httpx.Response:
        return await world.http.get(path.format(own=own, other=other), headers=headers)

    return asked


async def _finding(world: World, headers: dict[str, str], own: str, other: str) -> httpx.Response:
    body = {"request_id": own, "technique": "direct", "severity": "low", "expected": "REFUSE"}
    return await world.http.post("/v1/findings", json=body, headers=headers)


async def _record(world: World, headers: dict[str, str], own: str, other: str) -> httpx.Response:
    fields = {"campaign": "c", "attack": "direct", "outcome": "passed", "about": None, "source": "tool"}
    entry = Entry(Kind.finding, str(uuid4()), 0, "", "", fields)
    return await world.http.post("/v1/audit/records", json={"records": [entry.to_json()]}, headers=headers)


async def _search(world: World, headers: dict[str, str], own: str, other: str) -> httpx.Response:
    return await world.http.post("/v1/verify", json={"text": world.model.text}, headers=headers)


PROBES = {
    "ask, list models, accept terms, pass lessons": get("/v1/models"),
    "receipts, appeals: their own requests": get("/v1/receipts/{own}"),
    "signed heads of the logs that hold their records": get("/v1/audit/checkpoints"),
    "find the record of a text in their tenant (`/v1/verify`)": _search,
    "receipts of others in their tenant": get("/v1/receipts/{other}"),
    "the review desk (`/v1/review`)": get("/v1/review"),
    "agreement of reviewers": get("/v1/review/agreement"),
    "the log's state, timeline, alerts, trends, lineage ([`/v1/audit/…`](api.md))": get("/v1/audit/events"),
    "mark a finding, on their own request": _finding,
    "`POST /v1/audit/records`": _record,
}


async def ask(world: World, headers: dict[str, str]) -> str:
    await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=headers)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is a firewall?"}]}
    answer = await world.http.post("/v1/chat/completions", json=body, headers=headers)
    return str(answer.json()["preceptor"]["request_id"])


@pytest.mark.parametrize("role", Role)
async def test_each_role_may_do_what_its_column_says_and_nothing_else(world: World, role: Role) -> None:
    assert rows().keys() == PROBES.keys()
    other = await ask(world, {"authorization": f"Bearer {world.key('ada')}"})
    headers = {"authorization": f"Bearer {world.key('eve', role, tenant='school')}"}
    own, found = await ask(world, headers), {}
    for done, probe in PROBES.items():
        await world.view.refresh()  # a slow machine outlives the ten seconds for which a view counts
        found[done] = (await probe(world, headers, own, other)).is_success
    assert found == {done: bool(said[role]) for done, said in rows().items()}
