"""A tutor on a real log and real rules, with a scripted model and scorer: small honest fakes only."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.answer import Tutor
from app.api import create_app
from app.auth import OPERATOR, Role, TokenKey
from app.control import ControlView
from app.identity.identities import Identities
from app.limiting.limiter import Limiter
from app.limiting.queue import FairQueue
from app.pages import DIST, Pages
from app.reviewing.desk import Desk
from app.rulebook import Rulebook, Weights
from app.settings import Limits
from app.shadow import Shadow
from app.terms import Terms, load_lessons
from audit import content, init, keys
from audit.errors import AuditError, Unavailable
from audit.keyring import read_ring
from audit.log import Log
from audit.query import Asker
from audit.receipt import Receipt
from audit.record import Entry, Kind
from audit.search import Late, Search
from audit.store import open_store
from deployments.chat import Turn
from deployments.generation import Piece, Sampling
from deployments.ports import ServiceUnavailable
from guards.policy import Policy
from guards.scores import Scores
from tests.unit.app.signing_in import page, provider  # noqa: F401  fixtures

SAFE = Scores(0.0, 1.0, 0.0, 0.0, 0.0)


class LocalLog:
    """LogPort over a real log in this process; `down` makes the next appends fail."""

    def __init__(self, log: Log, root: Path, keys_dir: Path) -> None:
        self.log = log
        self.place = (root, keys_dir)
        self.searches, self.search_s = Search(root / log.origin.rpartition("/")[2], log.keys.subjects), 60.0
        self.down = False
        self.delay_s = 0.0

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        await asyncio.sleep(self.delay_s)
        if self.down:
            raise ServiceUnavailable("log", "down")
        receipts = []
        for result in self.log.append(entries):
            if isinstance(result, Unavailable):
                raise ServiceUnavailable("log", str(result))
            if isinstance(result, AuditError):
                raise result
            receipts.append(result)
        return receipts

    async def tag(self, tenant: str, subject: str) -> str:
        return self.log.tag(tenant, subject)

    async def tail(self, start: int) -> list[dict[str, Any]]:
        if self.down:
            raise ServiceUnavailable("log", "down")
        return self.log.tail(start)

    async def receipts(self, request_id: str) -> list[dict[str, Any]]:
        return self.log.receipts(request_id)

    async def texts(self, request_id: str, reader: str, reason: str, tenant: str | None = None) -> list[dict[str, Any]]:
        found = content.open(*self.place, request_id, reader=reader, reason=reason, tenant=tenant)
        return [asdict(text) for text in found]

    async def search(self, text: str, tenant: str | None) -> list[dict[str, Any]] | None:
        until = time.monotonic() + self.search_s
        try:
            return [asdict(receipt) for receipt in self.searches.find(text, tenant, 10, until)]
        except Late:
            return None

    async def ring(self) -> str:
        return str(read_ring(open_store(self.place[0])))

    async def checkpoint(self) -> str:
        return self.log.checkpoint()


SHIPPED = "b" * 64
"""Digest of the guard that this graph ships with."""


def promotion(digest: str, name: str = "tiny") -> Entry:
    """A record that makes this model active."""
    fields = {"name": name, "model_digest": digest, "base": name, "adapter_digest": None, "weights": {}}
    return Entry.operational(Kind.promotion, fields, actor="operator")


class ScriptedModel:
    """Says its text in small pieces; remembers what it was asked, and whether it was stopped."""

    def __init__(self) -> None:
        self.text = "A buffer overflow writes past the end of an array. Bounds checks prevent it. Compilers help too."
        self.asked: list[Sampling] = []
        self.said = 0
        self.fails_after: int | None = None
        self.pause_s = 0.0
        self.chars = 5
        self.digests: list[str] = []
        self.trouble: str | None = None

    async def problem(self) -> str | None:
        return self.trouble

    async def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        self.asked.append(sampling)
        self.digests.append(digest)
        pieces = [self.text[at : at + self.chars] for at in range(0, len(self.text), self.chars)]
        for count, text in enumerate(pieces, 1):
            await asyncio.sleep(self.pause_s)
            if self.fails_after is not None and count > self.fails_after:
                raise ServiceUnavailable("model", "died")
            self.said = count
            yield Piece(text, count, "stop" if count == len(pieces) else None)


class ScriptedScorer:
    """Gives SAFE except for texts that contain a marked word; may raise or hang."""

    def __init__(self) -> None:
        self.marked: dict[str, Scores] = {
            "HARMWORD": Scores(0.0, 0.0, 0.0, 1.0, 0.0),
            "LABWORD": Scores(0.0, 0.0, 1.0, 0.0, 0.0),
        }
        self.error: Exception | None = None
        self.hang = False
        self.calls = 0

    async def __call__(self, texts: Sequence[str]) -> list[Scores]:
        self.calls += 1
        if self.hang:
            await asyncio.sleep(60)
        if self.error:
            raise self.error
        return [next((s for word, s in self.marked.items() if word in text), SAFE) for text in texts]


class WordChat:
    """Chat format with one token per word."""

    context = 512

    def encode(self, turns: Sequence[Turn]) -> list[int]:
        return [len(word) for turn in turns for word in turn.content.split()]


class World:
    """The application and everything a test turns or looks at."""

    def __init__(
        self, home: Path, limits: Limits, *, strict: bool = False, tenants: dict[str, list[int]] | None = None
    ) -> None:
        TokenKey.create(home / "keys")
        owned = [number for numbers in (tenants or {}).values() for number in numbers]
        init.begin(home / "audit", home / "keys", "test", 1 + len(owned), [promotion("a" * 64)])
        material = keys.load(home / "keys")
        self.root, self.keys_dir = home / "audit", home / "keys"
        self.control = LocalLog(Log.open(self.root / "control", material), self.root, self.keys_dir)
        self.exchanges = [
            LocalLog(Log.open(self.root / f"exchange-{number}", material), self.root, self.keys_dir)
            for number in range(1 + len(owned))
        ]
        self.exchange = self.exchanges[0]
        self.model, self.scorer = ScriptedModel(), ScriptedScorer()
        self.issuer = TokenKey.load(home / "keys")
        self.view = ControlView(self.control, clock=lambda: 0.0)  # never stale, however slow the machine
        self.counts: Counter[str] = Counter()
        terms = Terms.load()
        self.terms = terms
        self.scorers = {SHIPPED: self.scorer}
        weights = Weights(SHIPPED, lambda digest: self.scorers[digest], lambda digest: self.scorers[digest])
        self.tutor = Tutor(
            name="tiny",
            keys=Identities(self.issuer),
            control=self.view,
            logs=self.exchanges,
            rulebook=Rulebook(Policy.load(), weights, limits.guard_timeout_s, self.view, terms.digest),
            shadow=Shadow(),
            model=self.model,
            chat=WordChat(),  # type: ignore[arg-type]
            terms=terms,
            lessons=load_lessons(),
            limiter=Limiter.alone(limits),
            queue=FairQueue(limits),
            limits=limits,
            strict=strict,
            tenants=tenants or {},
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app(), raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {self.key()}"},
        )

    def reopen(self) -> None:
        """Let HTTP reach the tutor as it is now."""
        headers = self.http.headers
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app(), raise_app_exceptions=False), base_url="http://test",
            headers={"authorization": headers["authorization"]},
        )  # fmt: skip

    def app(self) -> FastAPI:
        asker = Asker(self.root)
        desk = Desk(lambda sql: asker.ask(sql).to_pylist(), self.control)
        return create_app(self.tutor, self.counts, desk, asker=asker)

    def key(self, subject: str = "ada", role: Role = Role.LEARNER, ttl_s: int = 600, tenant: str | None = None) -> str:
        return self.issuer.mint(subject, tenant or (OPERATOR if role is Role.ADMIN else "school"), role, ttl_s)[0]

    async def accept(self) -> None:
        await self.view.refresh()
        answer = await self.http.post("/v1/terms", json={"digest": self.terms.digest})
        assert answer.status_code == 200, answer.text

    async def ask(self, text: str = "What is a buffer overflow?", **more: Any) -> httpx.Response:
        body = {"model": "tiny", "messages": [{"role": "user", "content": text}]} | more
        return await self.http.post("/v1/chat/completions", json=body)

    def kinds(self) -> list[str]:
        """Kinds in the exchange log, the genesis left out."""
        return [leaf["kind"] for leaf in self.exchange.log.tail(0) if leaf["kind"] != "genesis"]


@pytest.fixture(scope="session", autouse=True)
def page_read_once() -> Iterator[None]:
    """Every world serves the built page, whose files take as long to compress as all the rest takes to begin."""
    load, built = Pages.load, Pages.load(DIST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pages, "load", lambda dist: built if dist == DIST else load(dist))
        yield


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp_path, Limits(deadline_s=30))
    await made.accept()
    return made


@pytest.fixture
async def make_world(tmp_path: Path):
    async def make(limits: Limits, *, strict: bool = False) -> World:
        made = World(tmp_path, limits, strict=strict)
        await made.accept()
        return made

    return make
