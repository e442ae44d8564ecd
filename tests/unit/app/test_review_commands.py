"""`python -m app.review` against the application over HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn

from app import review
from app.auth import Role

Command = Callable[..., Any]


@pytest.fixture
async def command(world, monkeypatch, capsys) -> AsyncIterator[Command]:
    """Runs the command line as some reviewer; the exit status and what was printed."""
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.app(), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([door]))
    monkeypatch.setenv("PRECEPTOR_URL", f"http://127.0.0.1:{door.getsockname()[1]}")

    async def run(who: str, *arguments: str, role: Role = Role.REVIEWER) -> tuple[int, Any, str]:
        monkeypatch.setenv("PRECEPTOR_API_KEY", world.key(who, role))
        capsys.readouterr()
        status = await asyncio.to_thread(review.main, arguments)
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else None, said.err

    yield run
    server.should_exit = True
    await serving


async def refused(world) -> str:
    answer = await world.ask("HARMWORD")
    return str(answer.json()["error"]["preceptor"]["request_id"])


async def test_two_reviewers_and_a_decision(world, command) -> None:
    about = await refused(world)
    status, listed, _ = await command("rev-a", "list")
    assert (status, [item["about"] for item in listed["items"]]) == (0, [about])
    status, shown, _ = await command("rev-a", "show", about)
    assert status == 0
    assert any("HARMWORD" in (record["text"] or "") for record in shown["records"])
    assert (await command("rev-b", "claim", about))[0] == 1  # rev-a holds it
    assert (await command("rev-a", "label", about, "educational", "ALLOW", "--note", "Her own."))[0] == 0
    assert (await command("rev-b", "claim", about))[0] == 0
    assert (await command("rev-b", "release", about))[0] == 0
    assert (await command("rev-b", "claim", about))[0] == 0
    assert (await command("rev-b", "label", about, "harmful", "REFUSE"))[0] == 0
    assert (await command("rev-c", "claim", about))[0] == 0
    assert (await command("rev-c", "decide", about, "overturn", "educational", "ALLOW"))[0] == 0
    agreed = (await command("rev-c", "agreement"))[1]
    assert (agreed["labelled_twice"], agreed["alike"]) == (1, 0.0)


async def test_label_studio_there_and_back(world, command, tmp_path) -> None:
    about, file = await refused(world), tmp_path / "tasks.json"
    status, told, _ = await command("rev-a", "export", str(file))
    assert (status, told["tasks"]) == (0, 1)
    (task,) = json.loads(file.read_text())
    assert "HARMWORD" in task["data"]["conversation"]
    result = [
        {"from_name": "label", "type": "choices", "value": {"choices": ["harmful"]}},
        {"from_name": "expected", "type": "choices", "value": {"choices": ["REFUSE"]}},
        {"from_name": "note", "type": "textarea", "value": {"text": ["Clear."]}},
    ]
    file.write_text(json.dumps([task | {"annotations": [{"result": result}, {"result": [], "was_cancelled": True}]}]))
    status, told, _ = await command("rev-a", "import", str(file))
    assert status == 0
    assert [one["about"] for one in told["results"] if "request_id" in one] == [about]
    assert (await command("rev-b", "list"))[1]["items"][0]["state"] == "labelled"


async def test_gold_items_look_like_any_and_tell_how_a_reviewer_does(world, command, tmp_path) -> None:
    file = tmp_path / "gold.jsonl"
    rows = [{"text": f"gold {n}", "label": "dual_use", "expected": "TEACH"} for n in range(2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert (await command("boss", "gold", str(file), role=Role.ADMIN))[1] == {"added": 2, "refused": 0}
    items = (await command("rev-a", "list"))[1]["items"]
    assert len(items) == 2
    assert "dual_use" not in str(items)
    assert "gold" not in str(items)
    for item, label in zip(items, ("dual_use", "harmful"), strict=True):
        shown = (await command("rev-a", "show", item["about"]))[1]
        assert shown["records"][0]["text"].startswith("gold ")
        assert (await command("rev-a", "label", item["about"], label, "TEACH"))[0] == 0
    ((_, scores),) = (await command("rev-a", "agreement"))[1]["gold"].items()
    assert scores == {"items": 2, "right": 0.5, "said": {"dual_use as dual_use": 1, "dual_use as harmful": 1}}


async def test_what_cannot_be_is_said(command, tmp_path, monkeypatch) -> None:
    status, _, said = await command("rev-a", "claim", "no-such-item")
    assert (status, "awaits review" in said) == (1, True)
    (tmp_path / "bad.json").write_text('[{"data": {}}]')
    status, _, said = await command("rev-a", "import", str(tmp_path / "bad.json"))
    assert (status, "task 0: expected data.about" in said) == (2, True)
    (tmp_path / "gold.jsonl").write_text('{"text": "t", "label": "dual_use"}\n')
    status, _, said = await command("boss", "gold", str(tmp_path / "gold.jsonl"), role=Role.ADMIN)
    assert (status, "line 1: expected text, label and expected" in said) == (2, True)
    monkeypatch.delenv("PRECEPTOR_URL")
    assert review.main(["list"]) == 2
