"""`make prove fuzz`: the OpenAPI document turned against the application, with keys of every role and with none.

In process: the real ASGI application over a real log and the real rules; only the model and the guard's scorer are
scripted. tests/serve/test_hostile.py tries the door itself. A batch is a world of its own. The log is
killed and back by turns.
"""

import asyncio
import logging
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from app.auth import TokenKey
from app.contract.routes import ROUTES, Route
from app.headers import ALWAYS
from app.sessions import COOKIE, CSRF_HEADER
from app.settings import Limits
from tests.unit.app.conftest import World
from tests.unit.app.matrix import CALLERS, ELSEWHERE, HOME, Caller
from tests.unit.app.test_matrix import asks, headers, record

BATCH = 500
SPAN = 25  # requests with the log, then as many while it is killed
DESK_SHARE = 0.05  # of the requests that somebody who may could make to ASKING: each starts a process
ALLOWED_SHARE = 0.5
SPOILT_SHARE = 0.1  # of the keys
COOKIE_SHARE = 0.2  # of the keys, which come as the page's session
SEASONED = 0.75  # of the ids, digests and names are real ones, so that requests get past the first check
PROCESSES = os.cpu_count() or 1
LIMITS = Limits(guard_timeout_s=5, deadline_s=30, requests_per_minute=40)
ASKING = ("/v1/review", "/v1/audit/")
ASK_NOTHING = ("/v1/audit/records", "/v1/audit/checkpoints", "/v1/audit/keys")
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
TABLE = {(route.method, route.path): route for route in ROUTES}


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


class Batch:
    """One world, those who ask in it, and what came of their requests."""

    def __init__(self, home: Path, number: int) -> None:
        self.world = World(home, LIMITS)
        self.random = random.Random(number)  # noqa: S311
        TokenKey.create(home / "stranger")
        self.stranger = TokenKey.load(home / "stranger")
        self.sent = self.killed = 0
        self.statuses, self.codes, self.violations = Counter[str](), Counter[str](), list[str]()
        app = self.world.app()
        self.document = schemathesis.openapi.from_dict(app.openapi())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")
        self.known: dict[str, list[Any]] = {}
        self.theirs: set[str] = set()

    async def prepare(self) -> None:
        """Requests of both tenants, so that there is something to be had."""
        ids = {caller: await asks(self.world, headers(self.world, caller), "HARMWORD") for caller in CALLERS[2:5]}
        other = next(caller for caller in CALLERS if caller.tenant == ELSEWHERE)
        ids[other] = await asks(self.world, headers(self.world, other), "HARMWORD")
        self.theirs = {about for caller, about in ids.items() if caller.tenant == HOME}
        lessons = [*self.world.tutor.lessons, "none"]
        self.known = {
            "request_id": list(ids.values()), "about": list(ids.values()), "digest": [self.world.terms.digest],
            "model": ["tiny"], "name": ["tiny"], "lesson_id": lessons, "key": [self.world.key()],
            "records": [[record("grant")], [record("found")], [record("review"), record("found")]],
            "messages": [[{"role": "user", "content": word}] for word in ("What is TLS?", "HARMWORD", "LABWORD")],
        }  # fmt: skip

    def season(self, values: Any) -> None:
        """Put real values where random ones stand."""
        for name in values if isinstance(values, dict) else ():
            if name in self.known and self.random.random() < SEASONED:
                values[name] = self.random.choice(self.known[name])

    def caller(self, route: Route) -> Caller:
        """Half the time somebody who may, else anybody; where that asks the log, rarely somebody who may."""
        may = [one for one in CALLERS if one.role in route.roles]
        if route.path.startswith(ASKING) and route.path not in ASK_NOTHING:
            others = [one for one in CALLERS if one not in may]
            return self.random.choice(may if self.random.random() < DESK_SHARE else others)
        return self.random.choice(may if may and self.random.random() < ALLOWED_SHARE else CALLERS)

    def kill(self, down: bool) -> bool:
        """Whether the log is killed from now on."""
        self.world.control.down = self.world.exchange.down = down
        return down

    def spoilt(self, caller: Caller) -> dict[str, str]:
        """The caller's key, but expired, signed by another issuer, or with one character changed."""
        assert caller.role
        made = self.world.key(caller.name, caller.role, tenant=caller.tenant)
        at = made.index(".") + self.random.randrange(10, 60)
        bad = (
            self.world.key(caller.name, caller.role, ttl_s=-5, tenant=caller.tenant),
            self.stranger.mint(caller.name, caller.tenant, caller.role, 600)[0],
            made[:at] + ("A" if made[at] != "A" else "B") + made[at + 1 :],
        )
        return {"authorization": f"Bearer {self.random.choice(bad)}"}

    def carried(self, key: dict[str, str]) -> dict[str, str]:
        """The key as a client's header, or as a browser brings it to the page's own requests."""
        if not key or self.random.random() > COOKIE_SHARE:
            return key
        return {"cookie": f"{COOKIE}={key['authorization'].removeprefix('Bearer ')}", CSRF_HEADER: "1"}

    async def send(self, case: Case) -> None:
        """One request, judged."""
        route = TABLE[case.method.upper(), case.path]
        caller = self.caller(route)
        self.season(case.path_parameters)
        self.season(case.body)
        prepared = requests.Request(**case.as_transport_kwargs(base_url="http://test")).prepare()
        key = headers(self.world, caller)
        if caller.role and self.random.random() < SPOILT_SHARE:
            key, caller = self.spoilt(caller), replace(caller, name=f"{caller.name} with a bad key", role=None)
        prepared.headers.update(self.carried(key))
        self.killed += self.kill(self.sent // SPAN % 2 == 1)
        if not self.world.control.down and self.world.view.age_s > 2:
            await self.world.view.refresh()
        answer = await self.http.request(
            prepared.method or "", prepared.url or "", headers=list(prepared.headers.items()), content=prepared.body
        )
        self.http.cookies.clear()  # who signs in is asked for no longer than that
        self.sent += 1
        self.statuses[str(answer.status_code)] += 1
        for reason in self.wrong(case, route, caller, answer):
            self.violations.append(f"{route.method} {route.path} by {caller.name}: {reason}")

    def wrong(self, case: Case, route: Route, caller: Caller, answer: httpx.Response) -> list[str]:
        """What breaks a promise."""
        error = answer.json()["error"]["code"] if answer.is_error else ""
        self.codes[error or "answered"] += 1
        found = [f"{answer.status_code} {error}"] if answer.status_code in (500, 502, 504) else []
        if error == "internal_error":
            found.append("a fault that nobody foresaw")
        if answer.status_code in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
            found.append(f"{answer.status_code} without Retry-After")
        if {name: answer.headers.get(name) for name in ALWAYS} != ALWAYS:
            found.append("security headers are missing")
        if answer.is_success and route.roles and caller.role not in route.roles:
            found.append(f"{answer.status_code} for a role that may not")
        if caller.tenant == ELSEWHERE and answer.is_success and any(about in answer.text for about in self.theirs):
            found.append("another tenant's request shows")
        return found + self.nonconforming(case, route, answer)

    def nonconforming(self, case: Case, route: Route, answer: httpx.Response) -> list[str]:
        """Where the answer is none of those that the document tells; a path with a slash in an id is another route."""
        if "%2F" in str(answer.request.url.raw_path) or answer.request.url.path.count("/") != route.path.count("/"):
            return []
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            return [f"{answer.status_code} {type(each).__name__}: {each}"[:300] for each in group.exceptions]
        return []


def batch(number: int, count: int = BATCH) -> dict[str, Any]:
    """`count` requests, the same for the same number as far as hypothesis goes: a step of the journal."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, asyncio.Runner() as runner:
        made = Batch(Path(folder), number)
        runner.run(made.prepare())
        operations = [each.ok() for each in made.document.get_all_operations()]
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        cases = st.tuples(st.sampled_from(operations), st.sampled_from(modes)).flatmap(
            lambda drawn: drawn[0].as_strategy(generation_mode=drawn[1])
        )

        @seed(number)
        @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(cases)
        def send(case: Case) -> None:
            if made.sent < count:
                runner.run(made.send(case))

        while made.sent < count:
            send()
    seconds = round(time.monotonic() - began, 1)
    return {
        "batch": number, "requests": made.sent, "log_killed": made.killed, "seconds": seconds,
        "statuses": dict(made.statuses), "codes": dict(made.codes), "violations": made.violations,
    }  # fmt: skip


def fuzz(journal: Steps, count: int) -> dict[str, Any]:
    """`count` requests in batches that are not yet in the journal; what came of all."""
    done = {step["batch"] for step in journal.steps}
    left = [number for number in range(-(-count // BATCH)) if number not in done]
    # not forked: the calling process may have threads
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=logging.disable) as pool:
        for step in pool.map(batch, left):
            journal.add(step)
    return figures(journal.steps)


def figures(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the batches."""
    statuses, codes = Counter[str](), Counter[str]()
    for step in steps:
        statuses.update(step["statuses"])
        codes.update(step["codes"])
    return {
        "requests": sum(step["requests"] for step in steps),
        "with_the_log_killed": sum(step["log_killed"] for step in steps),
        "callers": len(CALLERS),
        "routes": len(ROUTES),
        "by_status": dict(sorted(statuses.items())),
        "by_code": dict(sorted(codes.items())),
        "violations": [line for step in steps for line in step["violations"]],
        "seconds": round(sum(step["seconds"] for step in steps), 1),
    }
