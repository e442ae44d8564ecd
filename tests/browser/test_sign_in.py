"""Signing in at an issuer on another site, in a real browser: what it sends where decides whether a session begins."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from fastapi import FastAPI
from playwright.async_api import Browser, Page, Request

from app.api import create_app
from app.identity.identities import Identities
from app.identity.ways import CALLBACK, PENDING, Ways
from app.reviewing.desk import Desk
from app.sessions import COOKIE
from app.settings import Settings
from audit.query import Asker
from tests.browser.site import patient, served
from tests.browser.visitor import Visitor
from tests.unit.app.conftest import World
from tests.unit.app.issuing import serving
from tests.unit.app.provider import CLIENT, SECRET, Provider


class University(World):
    """A tutor that lets an issuer's people in."""

    settings: Settings

    def trust(self, home: Path, provider: Provider, public: str) -> None:
        client = {"client_id": CLIENT, "name": "Example University", "secret_file": "uni.secret"}
        issuer = {"issuer": provider.url, "audience": CLIENT, "tenant": "uni", "sign_in": client}
        (home / "issuers.yaml").write_text(yaml.safe_dump({"public_url": public, "issuers": [issuer]}))
        (home / "keys" / "uni.secret").write_text(SECRET)
        (home / "keys" / "uni.secret").chmod(0o600)
        self.settings = Settings(home=home, issuers=home / "issuers.yaml")
        object.__setattr__(self.tutor, "keys", Identities.load(self.settings))

    def app(self) -> FastAPI:
        asker = Asker(self.root)
        desk = Desk(lambda sql: asker.ask(sql).to_pylist(), self.control)
        keys = self.tutor.keys
        if not keys.foreign:  # while it is being made
            return super().app()
        return create_app(self.tutor, self.counts, desk, asker=asker, ways=Ways.load(self.settings, keys))


@dataclass
class Student(Visitor):
    """Their browser asks the tutor and the issuer, and nobody else."""

    issuer: str = ""

    def _request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if f"{to.scheme}://{to.netloc}" != self.issuer:
            super()._request(request)

    async def go(self, page: Page | None = None) -> Page:
        """From the tutor's page to the issuer's."""
        page = page or self.page
        await page.goto(self.url)
        await page.get_by_role("link", name="Continue with Example University").click()
        await page.get_by_role("link", name="Yes, I am ada").wait_for()
        return page

    async def names(self) -> set[str]:
        """Of the cookies that the browser has."""
        return {cookie["name"] for cookie in await self.context.cookies()}


@pytest.fixture
def provider() -> Iterator[Provider]:
    """By another name of this machine, so that it is another site than the tutor's 127.0.0.1."""
    with serving(Provider(asks=True)) as serves:
        assert isinstance(serves, Provider)
        serves.url = serves.url.replace("127.0.0.1", "localhost")
        yield serves


@pytest.fixture
async def student(chromium: Browser, provider: Provider, tmp_path: Path) -> AsyncIterator[Student]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    public = f"http://127.0.0.1:{port}"
    provider.back = f"{public}{CALLBACK}"
    world = University(tmp_path, patient())
    world.trust(tmp_path, provider, public)
    async with served(world, port) as site, contextlib.AsyncExitStack() as stack:
        context = await chromium.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
        stack.push_async_callback(context.close)
        visitor = Student(site.url, context, await context.new_page(), "student", issuer=provider.url)
        visitor.listen()
        yield visitor
        assert not visitor.complaints, visitor.complaints


async def test_a_session_begins_and_stays_though_its_cookie_is_strict(student: Student, provider: Provider) -> None:
    seen: dict[str, set[str]] = {}

    async def note(request: Request) -> None:
        sent = (await request.all_headers()).get("cookie", "")
        seen[urlsplit(request.url).path] = {pair.partition("=")[0].strip() for pair in sent.split(";")} - {""}

    await student.open()
    await student.page.get_by_role("link", name="Continue with Example University").wait_for()
    await student.look("ways")
    await student.go()
    student.page.on("request", note)
    await student.page.get_by_role("link", name="Yes, I am ada").click()
    await student.accept()
    assert (seen[CALLBACK], seen["/"], seen["/session"]) == ({PENDING}, set(), {COOKIE})
    assert await student.names() == {COOKIE}
    assert urlsplit(student.page.url)[2:] == ("/", "", "")
    await student.page.reload()
    await student.page.locator(".shell").wait_for()
    await student.page.goto(f"{provider.url}/authorize?{_asked(provider)}")  # another site, whose link leads here
    await student.page.evaluate("to => { document.querySelector('#yes').href = to }", student.url)
    await student.page.click("#yes")
    await student.page.locator(".shell").wait_for()


WRONG = {
    "denied": ("#no", {}, "You were not let in"),
    "failed": ("#yes", {"wrong": {"nonce": "another"}}, "Signing in did not work"),
    "unavailable": ("#yes", {"token_status": 503}, "does not work now"),
}


@pytest.mark.parametrize("outcome", WRONG)
async def test_what_went_wrong_is_told_once(student: Student, provider: Provider, outcome: str) -> None:
    link, knobs, words = WRONG[outcome]
    for name, value in knobs.items():
        setattr(provider, name, value)
    await student.go()
    await student.page.click(link)
    await student.page.get_by_text(words).wait_for()
    await student.look(f"sign-in-{outcome}")
    assert (await student.names(), urlsplit(student.page.url).query) == (set(), "")
    await student.page.reload()
    await student.page.get_by_label("Access key").wait_for()
    assert await student.page.get_by_text(words).count() == 0


async def test_of_two_attempts_in_one_browser_the_later_counts(student: Student) -> None:
    first = await student.go()
    later = await student.context.new_page()
    student.listen(later)
    await student.go(later)
    await first.click("#yes")
    await first.get_by_text("Signing in did not work").wait_for()
    await later.click("#yes")
    await later.locator(".terms").wait_for()


async def test_the_ways_fit_narrow_and_dark(student: Student) -> None:
    await student.page.set_viewport_size({"width": 320, "height": 640})
    await student.page.emulate_media(color_scheme="dark")
    await student.open("/?sign_in=denied")
    await student.page.get_by_role("link", name="Continue with Example University").wait_for()
    await student.look("ways-narrow-dark")
    assert not await student.page.evaluate("document.documentElement.scrollWidth > innerWidth")


def _asked(provider: Provider) -> str:
    """An authorization request that the issuer shows its page for."""
    told = {"realm": "uni", "response_type": "code", "client_id": CLIENT, "redirect_uri": provider.back}
    told |= {"scope": "openid", "code_challenge_method": "S256", "state": "s", "nonce": "n", "code_challenge": "c"}
    return "&".join(f"{name}={value}" for name, value in told.items())
