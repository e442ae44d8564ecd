"""Answers that rest on a knowledge base: what is said of it is laid over the server's answers on their way."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from playwright.async_api import BrowserContext, Route

from tests.unit.app.conftest import World
from tests.unit.app.scripted_library import ScriptedLibrary

RECODED = ("content-length", "content-encoding")
HELD = "**/v1/knowledge"


def source(name: str, title: str, url: str = "", licence: str = "LicenseRef-ATTACK-TOU") -> dict[str, str]:
    """A record as `preceptor.sources` tells it."""
    return {"id": name, "title": title, "url": url, "licence": licence, "digest": f"{len(name):02x}" * 32}


def by(who: str, outcome: str | None = None, *, unknown: Sequence[str] = (), dropped: int = 0) -> dict[str, Any]:
    """`preceptor.knowledge`."""
    return {"pack": "c0" * 32, "by": who, "outcome": outcome, "unknown": list(unknown), "dropped": dropped}


def recognise(world: World) -> World:
    """Give it a knowledge base that has every identifier, so that none is marked in what the model is made to say."""
    world.tutor = replace(world.tutor, library=ScriptedLibrary())
    return world


async def ground(
    context: BrowserContext, sources: Sequence[Mapping[str, str]], knowledge: Mapping[str, Any] | None
) -> None:
    """From now on every answer rests on these; the text and its receipt stay the server's."""

    async def laid_over(route: Route) -> None:
        response = await route.fetch(timeout=0)
        lines = [_grounded(line, sources, knowledge) for line in (await response.text()).split("\n")]
        headers = {name: value for name, value in response.headers.items() if name not in RECODED}
        await route.fulfill(status=response.status, headers=headers, body="\n".join(lines))

    await _instead(context, "**/v1/chat/completions", laid_over)


async def hold(context: BrowserContext, held: Mapping[str, Any] | None) -> None:
    """From now on GET /v1/knowledge says this; None: that there is no such route."""

    async def told(route: Route) -> None:
        await route.fulfill(status=200 if held else 404, json=held or {"error": {"code": "not_found", "message": "no"}})

    await _instead(context, HELD, told)


async def _instead(context: BrowserContext, address: str, answer: Callable[[Route], Awaitable[None]]) -> None:
    await context.unroute(address)
    await context.route(address, answer)


def _grounded(line: str, sources: Sequence[Mapping[str, str]], knowledge: Mapping[str, Any] | None) -> str:
    if not line.startswith("data: {"):
        return line
    chunk = json.loads(line.removeprefix("data: "))
    if "preceptor" not in chunk:
        return line
    chunk["preceptor"] |= {"sources": list(sources), "knowledge": knowledge}
    return f"data: {json.dumps(chunk)}"
