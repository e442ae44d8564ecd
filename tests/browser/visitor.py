"""A person at a real Chromium: what they see, press and type, and what their browser complains of."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "var" / "screenshots"
"""Every look of a test run; a workflow keeps them."""

AXE = ROOT / "app" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EXPECTED = "Failed to load resource"
"""Chromium's words for a status that is no success: what comes of those is what the tests look at."""

ENDS = ".receipt:visible, .lesson:visible, .refusal:visible, .fault:visible"
ANSWER_MS = 180_000


@dataclass
class Visitor:
    """One person with a browser profile of their own at one address."""

    url: str
    context: BrowserContext
    page: Page
    name: str
    complaints: list[str] = field(default_factory=list)

    def listen(self, page: Page | None = None) -> None:
        """Hear what the browser complains of: errors, broken policies, and requests to anybody else."""
        page = page or self.page
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error.message[:300]}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self.complaints.append(f"{message.type}: {message.text[:300]}")

    def _request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if to.scheme in ("http", "https") and f"{to.scheme}://{to.netloc}" != self.url:
            self.complaints.append(f"asked another host: {request.url[:200]}")

    def button(self, name: str) -> Locator:
        """A button by its whole name."""
        return self.page.get_by_role("button", name=name, exact=True)

    async def open(self, path: str = "/") -> None:
        """Go there, as by typing the address."""
        await self.page.goto(self.url + path)

    async def sign_in(self, key: str) -> None:
        """From the sign-in page on; the terms or the tutor come next."""
        await self.page.get_by_label("Access key").fill(key)
        await self.button("Sign in").click()
        await self.page.locator(".terms, .shell").first.wait_for()

    async def accept(self) -> None:
        """The terms."""
        await self.button("I accept these terms").click()
        await self.page.locator(".shell").wait_for()

    async def enter(self, key: str, path: str = "/") -> None:
        """Sign in and accept, whatever of that is needed."""
        await self.open(path)
        await self.sign_in(key)
        if await self.page.locator(".terms").count():
            await self.accept()

    async def ask(self, question: str) -> None:
        """Type it and send it."""
        await self.page.get_by_label("Your question").fill(question)
        await self.page.keyboard.press("Enter")

    async def answered(self) -> Locator:
        """The last answer, lesson or refusal, once it has come to its end."""
        reply = self.page.locator(".reply").last
        await reply.locator(ENDS).first.wait_for(timeout=ANSWER_MS)
        await self.page.locator(".pulse").wait_for(state="detached", timeout=ANSWER_MS)
        return reply

    async def look(self, name: str) -> None:
        """Keep a picture, and let axe look for what shuts people out; raises AssertionError."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.wait_for_timeout(200)  # what fades in has
        await self.page.screenshot(path=SHOTS / f"{self.name}-{name}.png")
        found = await self._axe()
        assert not found, f"{name}: {json.dumps(found, indent=1)}"

    async def _axe(self) -> list[dict[str, str]]:
        """By the debugger: the page's own policy lets no foreign script in, a test's neither."""
        session = await self.context.new_cdp_session(self.page)
        run = f"axe.run({{runOnly: {json.dumps(RULES)}}}).then(found => JSON.stringify(found.violations))"
        expression = f"{AXE.read_text()};{run}"
        said = await session.send("Runtime.evaluate", {"expression": expression, "awaitPromise": True})
        await session.detach()
        return [
            {"rule": each["id"], "impact": each["impact"], "where": each["nodes"][0]["html"][:200]}
            for each in json.loads(said["result"]["value"])
        ]
