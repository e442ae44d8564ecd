"""What guard, log and graph cost over the bare model, measured in one run.

    python -m tests.bench.serving [--json] [--questions 8] [--tokens 48]

Starts a Preceptor of its own in a temporary folder, asks it, stops it, then runs the same prompts and seeds through the
engine in this process, and times each step (auth, guard, log) alone. Same machine, same weights, one after the other.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.serve.conftest import Running, start, stop

QUESTIONS = [
    "What is a buffer overflow?",
    "How does TLS protect a connection?",
    "Why should passwords be salted?",
    "What does a web application firewall do?",
    "Explain the principle of least privilege.",
    "What is cross-site scripting and how is it prevented?",
    "How does two-factor authentication help?",
    "What is a zero-day vulnerability?",
]


def through_the_graph(running: Running, questions: Sequence[str], tokens: int) -> list[dict[str, float]]:
    """First window and token rate of each question, streamed over HTTP."""
    rows = []
    for question in questions:
        body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": question}], "seed": 1}
        body |= {"max_tokens": tokens, "stream": True, "stream_options": {"include_usage": True}}
        began, first, count = time.perf_counter(), 0.0, 0
        with running.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for line in answer.iter_lines():
                if '"content":"' in line and '"content":""' not in line and not first:
                    first = time.perf_counter() - began
                if '"usage":{' in line:
                    count = json.loads(line[6:])["usage"]["completion_tokens"]
        took = time.perf_counter() - began
        rows.append({"first_s": first, "total_s": took, "tokens": float(count), "rate": count / took})
    return rows


def bare_engine(models: Path, questions: Sequence[str], tokens: int) -> list[dict[str, float]]:
    """The same prompts through the engine in this process; the first window is cut as the Gateway cuts it."""
    from app.answer import SYSTEM
    from deployments import embedded
    from deployments.chat import ChatFormat, Turn
    from deployments.engine import TransformersEngine
    from deployments.generation import Sampling
    from guards.stream import Windows

    folder = embedded.find(models, embedded.NAME)
    engine, chat = TransformersEngine.load(folder.path), ChatFormat.load(folder.path)

    async def one(question: str) -> dict[str, float]:
        prompt = chat.encode([Turn("system", SYSTEM), Turn("user", question)])
        windows, began, first, count = Windows(), time.perf_counter(), 0.0, 0
        async for piece in engine.stream(prompt, Sampling(tokens, seed=1)):
            count = piece.tokens
            if windows.push(piece.text) and not first:
                first = time.perf_counter() - began
        took = time.perf_counter() - began
        return {"first_s": first or took, "total_s": took, "tokens": float(count), "rate": count / took}

    async def all_of_them() -> list[dict[str, float]]:
        await one("warm up")
        return [await one(question) for question in questions]

    return asyncio.run(all_of_them())


def steps() -> dict[str, float]:
    """Milliseconds of each step alone, in this process: median of 30."""
    from app.auth import Role, TokenKey
    from audit import init, keys
    from audit.log import Log
    from audit.record import Entry, Kind
    from guards.encoder import Encoder
    from guards.guard import Guard
    from guards.policy import Policy
    from guards.verdict import Context, Stage

    encoder, loop = Encoder.load(), asyncio.new_event_loop()

    async def score(texts: Sequence[str]) -> Any:
        return encoder.score(texts)

    guard = Guard(Policy.load(), score)
    window = "Certificates bind a public key to a name, so that a client can tell whom it talks to."
    context = Context(request=QUESTIONS[1], preceding=window)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        TokenKey.create(home / "keys")
        issuer = TokenKey.load(home / "keys")
        token, _ = issuer.mint("ada", "school", Role.LEARNER, 600)
        init.begin(home / "audit", home / "keys", "bench", 1, [])
        log = Log.open(home / "audit" / "exchange-0", keys.load(home / "keys"))
        number = iter(range(10**6))

        def append() -> None:
            fields = {"n": 0, "action": "ALLOW", "category": None, "score_ppm": 0}
            entry = Entry(Kind.window, f"01a20a1d-5b64-7007-a833-{next(number):012x}", 0, "t", "s", fields, window)
            log.append([entry])

        return {
            "auth": _median_ms(lambda: issuer.read(token)),
            "guard, prompt": _median_ms(lambda: loop.run_until_complete(guard.check(QUESTIONS[1], Stage.PROMPT))),
            "guard, window": _median_ms(lambda: loop.run_until_complete(guard.check(window, Stage.WINDOW, context))),
            "log, one record durable": _median_ms(append),
        }


def _median_ms(work: Callable[[], object], repeats: int = 30) -> float:
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _summary(rows: list[dict[str, float]]) -> dict[str, float]:
    return {
        "first_window_ms_p50": statistics.median(row["first_s"] for row in rows) * 1000,
        "first_window_ms_max": max(row["first_s"] for row in rows) * 1000,
        "tokens_per_s_p50": statistics.median(row["rate"] for row in rows),
        "answers": float(len(rows)),
    }


def measure(questions: Sequence[str], tokens: int) -> dict[str, Any]:
    """All of it, as one JSON-able object."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        running = start(Path(folder))
        started_s = time.perf_counter() - began
        try:
            running.wait_ready()
            graph = _summary(through_the_graph(running, questions, tokens))
        finally:
            stop(running)
        bare = _summary(bare_engine(Path(folder) / "models", questions, tokens))
    ratio = graph["tokens_per_s_p50"] / bare["tokens_per_s_p50"]
    return {
        "graph": graph,
        "bare": bare,
        "rate_ratio": ratio,
        "steps_ms": steps(),
        "start_s": started_s,
        "load_average": os.getloadavg()[0],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, and with --json one object last."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--questions", type=int, default=len(QUESTIONS))
    parser.add_argument("--tokens", type=int, default=48)
    given = parser.parse_args(arguments)
    found = measure(QUESTIONS[: given.questions], given.tokens)
    print(f"{'':28}{'bare engine':>14}{'whole graph':>14}")
    for name in ("first_window_ms_p50", "first_window_ms_max", "tokens_per_s_p50"):
        print(f"{name:28}{found['bare'][name]:14.1f}{found['graph'][name]:14.1f}")
    print(f"token rate, graph / bare: {found['rate_ratio']:.2f}   start: {found['start_s']:.0f} s")
    for name, ms in found["steps_ms"].items():
        print(f"{name:28}{ms:11.2f} ms")
    if given.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
