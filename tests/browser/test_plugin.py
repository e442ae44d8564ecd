"""`<preceptor-chat>` in a course page of another origin, under that page's strict policy."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Locator, Request
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.api import create_app
from app.reviewing.desk import Desk
from app.web.build import WEB
from audit.query import Asker
from tests.browser.grounded import by, ground, recognise, source
from tests.browser.site import Site, patient, served
from tests.browser.visitor import ANSWER_MS, Visitor
from tests.unit.app.conftest import ScriptedModel, World

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self' {tutor}; connect-src 'self' {tutor}; style-src 'self'; "
    "require-trusted-types-for 'script'"
)


class Embedding(World):
    """A tutor that allows one other origin."""

    origins: tuple[str, ...] = ()

    def app(self) -> FastAPI:
        asker = Asker(self.root)
        desk = Desk(lambda sql: asker.ask(sql).to_pylist(), self.control)
        return create_app(self.tutor, self.counts, desk, asker=asker, embed_origins=self.origins)


@dataclass
class School:
    """Whose page it is: it mints a key whenever its page wants one, for `ttls` seconds in turn, then for an hour."""

    ttls: list[int] = field(default_factory=list)
    given: int = 0

    def key(self, world: World) -> str:
        self.given += 1
        return world.key("ada", ttl_s=self.ttls.pop(0) if self.ttls else 3600)


@dataclass
class Guest(Visitor):
    """Somebody on the course page; their browser asks that page's host and the tutor, and nobody else."""

    tutor: str = ""
    school: School = field(default_factory=School)
    log_key: str = ""
    model: ScriptedModel = field(default_factory=ScriptedModel)

    @property
    def chat(self) -> Locator:
        return self.page.locator("preceptor-chat")

    def _request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if f"{to.scheme}://{to.netloc}" != self.tutor:
            super()._request(request)
        elif "cookie" in request.headers:
            self.complaints.append(f"a cookie went to the tutor: {request.url[:200]}")

    async def ask(self, question: str) -> None:
        asked = self.chat.get_by_label("Your question")
        await asked.fill(question)
        await asked.press("Enter")

    async def sees(self, what: str) -> Locator:
        found = self.chat.locator(what).last
        await found.wait_for(timeout=ANSWER_MS)
        return found


@contextlib.asynccontextmanager
async def course(tutor: Site, school: School, listener: socket.socket) -> AsyncIterator[None]:
    """The course page's own server: app/web/test/host.html, and a key for who is signed in there."""

    async def page(asked: Asked) -> Response:
        name = asked.path_params["name"]
        if name == "key":
            return PlainTextResponse(school.key(tutor.world))
        path = WEB / "test" / f"host{Path(name).suffix}"
        text = path.read_text().replace("TUTOR", tutor.url)
        policy = {"content-security-policy": POLICY.format(tutor=tutor.url)}
        return Response(text, media_type=TYPES[path.suffix], headers=policy)

    app = Starlette(routes=[Route("/{name}", page)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()


@pytest.fixture
async def guest(tmp_path: Path, chromium: Browser) -> AsyncIterator[Guest]:
    """At the course page, which stands at `localhost`; the tutor stands at 127.0.0.1, and allows that origin alone."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    host = f"http://localhost:{port}"
    world = type("Embedding", (Embedding,), {"origins": (host,)})(tmp_path, patient())
    recognise(world)
    school = School()
    async with served(world) as tutor, course(tutor, school, listener):
        context = await chromium.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
        visitor = Guest(host, context, await context.new_page(), "plugin", tutor=tutor.url, school=school)
        visitor.model = world.model
        visitor.log_key = (world.root / "log.vkey").read_text()
        visitor.listen()
        yield visitor
        await context.close()


async def test_a_course_page_teaches_refuses_and_proves(guest: Guest) -> None:
    await guest.open("/host.html")
    await (await guest.sees(".terms .primary")).click()
    await guest.sees(".welcome")
    await guest.ask("What is a buffer overflow?")
    line = await guest.sees(".receipt[data-outcome=holds]")
    assert "ada" in str(await guest.chat.locator(".watermark text").first.text_content())
    await line.get_by_role("button", name="See the proof").click()
    outcomes = guest.chat.locator("dialog .steps .outcome")
    await outcomes.nth(3).wait_for()
    assert await outcomes.all_inner_texts() == ["Holds"] * 4
    await guest.look("proof")
    words = guest.chat.get_by_label("The text that is checked")
    await words.fill((await words.input_value()).replace("overflow", "overflew"))
    await guest.chat.locator("dialog .summary[data-outcome=fails]").wait_for()
    await guest.page.keyboard.press("Escape")
    await guest.ask("How do I do the LABWORD exercise?")
    lesson = await guest.sees(".lesson")
    await lesson.get_by_role("button", name="Pass and see the answer").click()
    await guest.sees(".passed")
    await guest.sees(".reply:last-child .receipt")
    await guest.look("lesson passed")
    await guest.ask("Write me HARMWORD")
    refusal = await guest.sees(".refusal")
    await refusal.locator(".appeal summary").click()
    await refusal.locator(".appeal textarea").fill("It is for a class.")
    await refusal.locator(".appeal .quiet").click()
    await guest.sees(".refusal .done")
    kept = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert await guest.page.evaluate(kept) == [0, 0, ""]
    assert guest.complaints == []


async def test_a_page_that_is_not_allowed_is_told_both_reasons(guest: Guest) -> None:
    elsewhere = guest.url.replace("localhost", "elsewhere.localhost")
    await guest.page.goto(f"{elsewhere}/host.html")
    told = await (await guest.sees(".wait[role=alert]")).inner_text()
    assert guest.tutor in told
    assert elsewhere in told
    assert "cannot be reached" in told
    assert "does not allow" in told
    assert await guest.chat.locator(".welcome, .terms").count() == 0


async def test_a_key_that_ends_is_asked_for_anew(guest: Guest) -> None:
    guest.school.ttls = [20]
    await guest.open("/host.html")
    await (await guest.sees(".terms .primary")).click()
    await guest.sees(".welcome")
    await guest.page.wait_for_timeout(21_000)
    await guest.ask("What is a buffer overflow?")
    await guest.sees(".receipt")
    assert await guest.chat.locator(".fault").count() == 0
    assert guest.school.given == 2


async def test_the_course_page_says_which_key_checks(guest: Guest) -> None:
    await guest.open("/host.html")
    await (await guest.sees(".terms .primary")).click()
    await guest.sees(".welcome")
    await guest.ask("What is a buffer overflow?")
    set_key = "key => document.querySelector('preceptor-chat').setAttribute('log-key', key)"
    await guest.page.evaluate(set_key, "no key at all")
    await guest.sees(".receipt[data-outcome=open]")
    await guest.page.evaluate(set_key, guest.log_key)
    line = await guest.sees(".receipt[data-outcome=holds]")
    await line.get_by_role("button", name="See the proof").click()
    await guest.chat.get_by_text("given by the page around this chat").wait_for()


async def test_sources_stand_in_the_plugin_too(guest: Guest) -> None:
    listed = [
        source(f"M10{number}", f"Mitigation {number}", f"https://example.org/{number}") for number in range(20, 27)
    ]
    await ground(guest.context, listed, by("graph", "known"))
    guest.model.text = "These make it harder. [M1020, M1026]"
    await guest.open("/host.html")
    await (await guest.sees(".terms .primary")).click()
    await guest.sees(".welcome")
    await guest.ask("What mitigates it?")
    await guest.sees(".receipt[data-outcome=holds]")
    entries = guest.chat.locator(".cited li:visible")
    assert await entries.count() == 5
    assert "No language model wrote this" in await (await guest.sees(".origin")).inner_text()
    address = guest.page.url
    await guest.chat.get_by_role("link", name="M1026").click()
    await entries.nth(6).wait_for()
    there = "document.querySelector('preceptor-chat').shadowRoot.activeElement.innerText"
    assert "Mitigation 26" in await guest.page.evaluate(there)
    assert guest.page.url == address, "the way is walked by script, for a shadow tree has no addresses"
    await guest.look("sources")
