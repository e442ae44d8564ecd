"""When things go wrong, the page says what happened, keeps what the learner wrote, and goes on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Arrive
from tests.browser.site import Site, patient, served
from tests.browser.visitor import ANSWER_MS, Visitor
from tests.browser.wire import Wire, wired
from tests.unit.app.conftest import World

TEXT = "These are some words of a long answer that is given in pieces. " * 6
LASTING = TEXT * 10
"""Still comes while a browser that stalls does the next thing."""
CLOCK = """{ const Real = Date, off = -5 * 3600e3; globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + off); }
  static now() { return Real.now() + off; } } }"""
FULL = """() => { let size = 1 << 20, count = 0; while (size > 8) {
  try { localStorage.setItem("junk" + count, "x".repeat(size)); count += 1; } catch { size >>= 1; } } }"""
EMPTY = "() => Object.keys(localStorage).filter((key) => key.startsWith('junk')).forEach((key) => localStorage.removeItem(key))"  # noqa: E501
STORED = """() => Object.entries(localStorage).filter(([key]) => key.includes("conversation:"))
  .map(([, value]) => JSON.parse(value).turns.map((turn) => [turn.question, turn.state]))"""
WATCHED = """globalThis.longest = 0; new PerformanceObserver((list) => { for (const task of list.getEntries())
  globalThis.longest = Math.max(globalThis.longest, task.duration); }).observe({ entryTypes: ["longtask"] });"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    world = World(tmp_path, patient())
    world.model.text, world.model.pause_s = TEXT, 0.02
    async with served(world) as made:
        yield made


@pytest.fixture
async def wire(site: Site) -> AsyncIterator[Wire]:
    async with wired(site.url) as made:
        yield made


async def learner(site: Site, wire: Wire, arrive: Arrive, **profile: Any) -> Visitor:
    visitor = await arrive(wire.url, "faults", **profile)
    await visitor.enter(site.world.key("ada", ttl_s=3600))
    return visitor


async def begun(visitor: Visitor, question: str) -> str:
    """Asked, and the first words are there."""
    await visitor.ask(question)
    words = visitor.page.locator(".reply").last.locator(".words .prose")
    await words.wait_for(timeout=ANSWER_MS)
    return await words.inner_text()


async def fault(page: Page) -> str:
    said = page.locator(".reply").last.locator(".fault p")
    await said.wait_for(timeout=ANSWER_MS)
    return await said.inner_text()


async def receipts(page: Page, count: int) -> None:
    await page.wait_for_function(
        "count => document.querySelectorAll('.receipt').length === count && !document.querySelector('.pulse')",
        arg=count, timeout=ANSWER_MS,
    )  # fmt: skip


async def questions(page: Page) -> list[str]:
    return await page.locator(".question p").all_inner_texts()


async def test_a_stream_that_breaks_keeps_what_came(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    site.world.model.text = LASTING
    before = await begun(visitor, "What is a nonce?")
    wire.cut()
    assert "broke off" in await fault(visitor.page)
    site.world.model.text = TEXT
    assert (await visitor.page.locator(".words .prose").inner_text()).startswith(before.strip())
    await visitor.look("broken")
    await visitor.button("Try again").click()
    await receipts(visitor.page, 1)
    assert await visitor.page.locator(".fault").count() == 0


async def test_a_restart_is_told_and_survived(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    site.world.model.text = LASTING
    await begun(visitor, "What is a nonce?")
    wire.down()
    await fault(visitor.page)
    site.world.model.text = TEXT
    await visitor.ask("And a salt?")
    assert "cannot be reached" in await fault(visitor.page)
    await wire.up()
    await visitor.page.reload()
    await visitor.page.locator(".fault").nth(1).wait_for()
    assert await questions(visitor.page) == ["What is a nonce?", "And a salt?"]
    await visitor.button("Try again").last.click()
    await receipts(visitor.page, 1)


async def test_a_key_that_ends_leads_back_to_the_conversation(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    await visitor.ask("What is a nonce?")
    await receipts(visitor.page, 1)
    await visitor.context.clear_cookies()
    await visitor.ask("And a salt?")
    await visitor.page.get_by_label("Access key").wait_for()
    assert "expired" in await visitor.page.locator(".notice").inner_text()
    await visitor.sign_in(site.world.key("ada", ttl_s=3600))
    assert "had expired" in await fault(visitor.page)
    assert await questions(visitor.page) == ["What is a nonce?", "And a salt?"]
    await visitor.button("Try again").click()
    await receipts(visitor.page, 2)


async def test_times_are_the_servers_whatever_this_clock_says(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await arrive(wire.url, "faults")
    await visitor.context.add_init_script(CLOCK)
    await visitor.enter(site.world.key("ada", ttl_s=3600))
    before = datetime.now(UTC)
    await begun(visitor, "What is a nonce?")
    hours = {f"{time:%Y-%m-%d %H}:" for time in (before, datetime.now(UTC))}
    mark = await visitor.page.locator(".watermark text").first.text_content() or ""
    assert any(hour in mark for hour in hours), mark
    await receipts(visitor.page, 1)
    place = await visitor.page.locator(".receipt .place").inner_text()
    assert any(hour in place for hour in hours), place


async def test_two_tabs_on_one_conversation_lose_nothing(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    await visitor.ask("First")
    await receipts(visitor.page, 1)
    other = Visitor(wire.url, visitor.context, await visitor.context.new_page(), "faults-second", visitor.complaints)
    other.listen()
    await other.open()
    await other.page.locator(".conversations .title").first.click()
    await receipts(other.page, 1)
    await begun(visitor, "From the one")
    await other.ask("From the other")
    for page in (visitor.page, other.page):
        await receipts(page, 3)
    asked = ["First", "From the one", "From the other"]
    assert [await questions(page) for page in (visitor.page, other.page)] == [asked, asked]
    assert await visitor.page.evaluate(STORED) == [[[question, "done"] for question in asked]]
    site.world.model.text = LASTING
    await begun(other, "Closed while it comes")
    fresh = await visitor.context.new_page()
    await fresh.goto(wire.url)
    await fresh.locator(".conversations .title").first.click()
    await fresh.locator(".question").nth(3).wait_for()
    assert await fresh.locator(".fault").count() == 0  # it comes to another tab, and is not broken
    await other.page.close()
    assert "broke off" in await fault(visitor.page)
    assert "words" in await visitor.page.locator(".reply").last.locator(".words").inner_text()


async def test_a_reload_keeps_what_came(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    site.world.model.text = LASTING
    before = await begun(visitor, "What is a nonce?")
    await visitor.page.reload()
    assert "broke off" in await fault(visitor.page)
    assert (await visitor.page.locator(".words .prose").inner_text()).startswith(before.strip())


async def test_a_full_storage_is_told_and_nothing_is_lost(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    await visitor.ask("Kept")
    await receipts(visitor.page, 1)
    await visitor.page.evaluate(FULL)
    await visitor.ask("No room")
    await receipts(visitor.page, 2)
    notice = visitor.page.locator(".middle > .notice")
    assert "storage is full" in await notice.inner_text()
    await visitor.page.evaluate(EMPTY)
    await visitor.ask("Room again")
    await receipts(visitor.page, 3)
    assert await notice.count() == 0
    stored = await visitor.page.evaluate(STORED)
    assert stored == [[[question, "done"] for question in ("Kept", "No room", "Room again")]]


async def test_offline_is_told_as_such(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    await visitor.context.set_offline(True)
    await visitor.ask("What is a nonce?")
    assert "You are offline" in await fault(visitor.page)
    await visitor.context.set_offline(False)
    await visitor.button("Put in the field").click()
    assert await visitor.page.get_by_label("Your question").input_value() == "What is a nonce?"
    await visitor.button("Try again").click()
    await receipts(visitor.page, 1)


async def test_another_person_in_the_other_tab_is_noticed(site: Site, wire: Wire, arrive: Arrive) -> None:
    visitor = await learner(site, wire, arrive)
    other = await visitor.context.new_page()
    await other.goto(wire.url)
    await other.get_by_role("button", name="Sign out").click()
    await other.get_by_label("Access key").fill(site.world.key("eve", ttl_s=3600))
    await other.get_by_role("button", name="Sign in", exact=True).click()
    await other.locator(".terms, .shell").first.wait_for()
    await visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await visitor.page.get_by_text("I accept these terms").wait_for()


LONG = {"one line": "A" * 100_000, "code": "```c\n" + "int main(void) { return 0; }\n" * 3400 + "```\n"}
"""What the guard reads quickly; what else is hostile to a parser: app/web/test/blocks.test.tsx."""


@pytest.mark.parametrize("name", LONG)
async def test_a_hundred_kilobytes_never_hold_up_the_page(site: Site, arrive: Arrive, name: str) -> None:
    """Not half a second of one task on a quiet machine, and asked anew where a stall fell into one."""
    site.world.model.text, site.world.model.pause_s, site.world.model.chars = LONG[name][:100_000], 0, 4000
    visitor = await arrive(site.url, "faults")
    await visitor.context.add_init_script(WATCHED)
    await visitor.enter(site.world.key("ada", ttl_s=3600))
    longest: list[float] = []
    while not longest or min(longest) >= 1500:
        assert len(longest) < 3, longest
        await visitor.page.evaluate("globalThis.longest = 0")
        await visitor.ask("Say a lot")
        await receipts(visitor.page, len(longest) + 1)
        longest.append(await visitor.page.evaluate("globalThis.longest"))
