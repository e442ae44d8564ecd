"""`python -m app.keys` against the application over HTTP: grants and revocations are records, and they hold."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
import uvicorn

from app import keys
from app.auth import OPERATOR
from tests.unit.app.conftest import World

Command = Callable[..., Any]


@pytest.fixture
async def command(world: World, monkeypatch, capsys) -> AsyncIterator[Command]:
    """Runs the command line; the exit status, what was printed, and what was complained of."""
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.app(), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([door]))
    monkeypatch.setenv("PRECEPTOR_HOME", str(world.root.parent))
    monkeypatch.setenv("PRECEPTOR_URL", f"http://127.0.0.1:{door.getsockname()[1]}")

    async def run(*arguments: str) -> tuple[int, str, str]:
        await world.view.refresh()
        capsys.readouterr()
        status = await asyncio.to_thread(keys.main, arguments)
        said = capsys.readouterr()
        await world.view.refresh()
        return status, said.out.strip(), said.err

    yield run
    server.should_exit = True
    await serving


async def said_of(world: World, key: str) -> str:
    answer = await world.http.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    return str(answer.json().get("error", {}).get("code", "good"))


def claims(key: str) -> dict[str, Any]:
    return jwt.decode(key, options={"verify_signature": False})


async def test_one_key_is_revoked_by_its_id_and_the_others_stay(world: World, command: Command) -> None:
    minted = [await command("mint", "--subject", "ada", "--tenant", "school") for _ in range(2)]
    (_, first, _), (_, second, _) = minted
    assert [status for status, _, _ in minted] == [0, 0]
    assert await said_of(world, first) == "good"
    assert (await command("revoke", claims(first)["jti"]))[0] == 0
    assert [await said_of(world, key) for key in (first, second)] == ["revoked_api_key", "good"]
    status, listed, _ = await command("list")
    revoked = {row.split()[0].strip("|"): "true" in row.lower() for row in listed.splitlines() if "learner" in row}
    assert status == 0
    assert sorted(revoked.values()) == [False, True]


async def test_a_subject_loses_all_keys_and_nobody_else_any(world: World, command: Command) -> None:
    first, second = [(await command("mint", "--subject", "eve", "--tenant", "school"))[1] for _ in range(2)]
    namesake = (await command("mint", "--subject", "eve", "--tenant", "bank"))[1]
    await asyncio.sleep(1)  # a key's `iat` counts whole seconds
    assert (await command("revoke", "--subject", "eve", "--tenant", "school"))[0] == 0
    assert [await said_of(world, key) for key in (first, second, namesake)] == [*["revoked_api_key"] * 2, "good"]
    await asyncio.sleep(1)
    again = (await command("mint", "--subject", "eve", "--tenant", "school"))[1]
    assert await said_of(world, again) == "good"
    last = world.control.log.tail(world.control.log.size - 3)[0]
    assert (last["kind"], last["tenant"], last["fields"]["issuer"]) == ("revocation", "school", "preceptor")
    assert "eve" not in str(last)  # the record names a pseudonym


async def test_staff_is_the_operators_unless_a_tenant_is_named(command: Command) -> None:
    minted = {
        (role, tenant): claims((await command("mint", "--subject", "x", "--role", role, *tenant))[1])["tenant"]
        for role in ("learner", "redteam", "reviewer", "auditor", "admin")
        for tenant in ((), ("--tenant", "school"))
    }
    staff = {(role, ()): OPERATOR for role in ("reviewer", "auditor", "admin")}
    others = {(role, ()): "default" for role in ("learner", "redteam")}
    assert {who: tenant for who, tenant in minted.items() if not who[1]} == staff | others
    assert {tenant for who, tenant in minted.items() if who[1]} == {"school"}


async def test_the_operator_accepts_on_behalf_of_whom_an_issuer_names(world: World, command: Command) -> None:
    given = ("--subject", "u-1", "--tenant", "school", "--issuer", "openwebui")
    assert (await command("accept", *given))[0] == 0
    tag = await world.view.tag("school", "openwebui|u-1")
    assert await world.view.has_accepted(tag, world.terms.digest)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("mint", "--subject", "https://a.example|ada"), 1),
        (("mint", "--subject", "ada", "--tenant", "gold"), 1),
        (("mint", "--subject", ""), 1),
        (("mint", "--subject", "ada", "--role", "king"), 2),
        (("mint", "--subject", "ada", "--ttl", "0d"), 2),
        (("revoke",), 2),
        (("revoke", "jti", "--subject", "ada"), 2),
        (("accept",), 2),
    ],
)
async def test_what_makes_no_sense_writes_nothing(
    world: World, command: Command, arguments: tuple[str, ...], status: int
) -> None:
    size = world.control.log.size
    try:
        found, printed, said = await command(*arguments)
    except SystemExit as usage:
        found, printed, said = usage.code, "", "usage"
    assert (found, printed, bool(said)) == (status, "", True)
    assert world.control.log.size == size
