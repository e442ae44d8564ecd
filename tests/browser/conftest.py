"""Debian's Chromium, and people at it. What a browser complains of fails the test that made it complain."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright, expect

from app.web.build import WEB, build
from tests.browser.visitor import Visitor

CHROMIUM = "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")

PATIENT_MS = 60_000  # a loaded machine is no fault

Arrive = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session")
def page_built() -> None:
    """The page of these sources; at once where it stands."""
    build(WEB)


@pytest.fixture(scope="session")
async def chromium(page_built: None) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENT_MS)  # it does not know of the context's
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        await browser.close()


@pytest.fixture
async def arrive(chromium: Browser) -> AsyncIterator[Arrive]:
    """`await arrive(url, name)`: somebody with an empty profile; keyword arguments are Playwright's of a context."""
    async with AsyncExitStack() as stack:
        visitors: list[Visitor] = []

        async def come(url: str, name: str, **profile: Any) -> Visitor:
            profile = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"} | profile
            context = await chromium.new_context(**profile)
            context.set_default_timeout(PATIENT_MS)
            stack.push_async_callback(context.close)
            visitor = Visitor(url, context, await context.new_page(), name)
            visitor.listen()
            visitors.append(visitor)
            return visitor

        yield come
        complaints = {visitor.name: visitor.complaints for visitor in visitors if visitor.complaints}
        assert not complaints, complaints
