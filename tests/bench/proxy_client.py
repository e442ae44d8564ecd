"""The load, in a process of its own: a JSON spec on standard input, what came of it as JSON on standard output.

    python -m tests.bench.proxy_client < spec.json

Closed loop: each of `clients` connections asks again as soon as it has its answer, for `seconds` after a warm-up.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

TIMEOUT_S = 60.0


@dataclass(slots=True)
class Heard:
    """Seconds until the end of each good answer and until its first text; how the others ended."""

    total: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)


async def load(spec: dict[str, Any]) -> dict[str, Any]:
    """Warm up, then ask for so many seconds."""
    timeout, limit = aiohttp.ClientTimeout(total=TIMEOUT_S), aiohttp.TCPConnector(limit=spec["clients"])
    headers = {"authorization": f"Bearer {spec['key']}"}
    async with aiohttp.ClientSession(timeout=timeout, connector=limit, headers=headers) as session:
        warm = Heard()
        await _ask_until(session, spec, warm, time.perf_counter() + spec["warm_up_s"])
        heard, cpu_s, began = Heard(), time.process_time(), time.perf_counter()
        await _ask_until(session, spec, heard, began + spec["seconds"])
        wall_s = time.perf_counter() - began
    return {
        "total": heard.total, "first": heard.first, "bad": dict(heard.bad), "wall_s": wall_s,
        "client_cpu_s": time.process_time() - cpu_s, "warm": len(warm.total), "warm_bad": dict(warm.bad),
    }  # fmt: skip


async def _ask_until(session: aiohttp.ClientSession, spec: dict[str, Any], heard: Heard, end: float) -> None:
    async def client(number: int) -> None:
        while time.perf_counter() < end:
            question = spec["questions"][number % len(spec["questions"])]
            number += spec["clients"]
            await _ask(session, spec, question, heard)

    await asyncio.gather(*(client(number) for number in range(spec["clients"])))


async def _ask(session: aiohttp.ClientSession, spec: dict[str, Any], question: str, heard: Heard) -> None:
    body = {"model": spec["model"], "messages": [{"role": "user", "content": question}], "max_tokens": 64}
    began = time.perf_counter()
    try:
        async with session.post(spec["url"], json=body | {"stream": spec["stream"]}) as answer:
            first, text = (await _streamed(answer)) if spec["stream"] else (None, await _whole(answer))
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
        heard.bad[type(error).__name__] += 1
        return
    took = time.perf_counter() - began
    if answer.status != 200 or not text.strip().endswith(spec["ends_with"]):
        heard.bad[f"{answer.status}" if answer.status != 200 else "cut short"] += 1
        return
    heard.total.append(took)
    heard.first.append((first or began + took) - began)


async def _whole(answer: aiohttp.ClientResponse) -> str:
    said = json.loads(await answer.read())
    return str(said["choices"][0]["message"]["content"]) if answer.status == 200 else ""


async def _streamed(answer: aiohttp.ClientResponse) -> tuple[float | None, str]:
    """When the first text came, and all of it."""
    first, text = None, ""
    async for line in answer.content:
        if not line.startswith(b"data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices", []):
            if said := choice["delta"].get("content"):
                first, text = first or time.perf_counter(), text + said
    return first, text


def main() -> int:
    """Read the spec, put the load on, say what came of it."""
    print(json.dumps(asyncio.run(load(json.load(sys.stdin)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
