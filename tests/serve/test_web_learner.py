"""A learner's whole way through the page, in a real browser, on the running graph."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.serve.conftest import Running
from tests.serve.test_graph import HARM, LAB, LEARN

SCRIPT_BYTES = 300_000
PAINT_MS = 1_000
SCRIPTS = """performance.getEntriesByType('resource').filter(each => each.name.endsWith('.js'))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def test_signing_in_accepting_asking_and_verifying(running: Running, arrive: Arrive, tmp_path: Path) -> None:
    await _painted_soon(running, arrive)
    visitor = await arrive(running.url, "learner", permissions=["clipboard-read", "clipboard-write"])
    await _come_in(visitor, running.mint("web-learner", "--no-accept"))
    await visitor.ask(LEARN[0])  # the shorter answer: a loaded machine writes slowly
    await visitor.page.locator(".words").first.wait_for(timeout=60_000)
    await visitor.look("3-streaming")
    reply = await visitor.answered()
    await reply.locator(".receipt").wait_for()
    await visitor.look("4-answer")
    await _prove(visitor, running, tmp_path)
    await _take_along(visitor)
    await _find_again(visitor)


async def _painted_soon(running: Running, arrive: Arrive) -> None:
    """On one of five first visits: a machine that stalls is no fault of the page."""
    took: list[float] = []
    while not took or min(took) >= PAINT_MS:
        assert len(took) < 5, took
        visitor = await arrive(running.url, "first-visit")
        await visitor.open()
        await visitor.page.get_by_label("Access key").wait_for()
        took.append(await visitor.page.evaluate(PAINT))


async def _come_in(visitor: Visitor, key: str) -> None:
    await visitor.open()
    await visitor.page.get_by_label("Access key").wait_for()
    await visitor.look("1-sign-in")
    await visitor.page.get_by_label("Access key").fill(key[:-4] + "AAAA")
    await visitor.button("Sign in").click()
    await visitor.page.get_by_text("This key does not count").wait_for()
    await visitor.sign_in(key)
    await visitor.look("2-terms")
    await visitor.accept()
    await visitor.page.get_by_label("Your question").wait_for()
    assert 0 < await visitor.page.evaluate(SCRIPTS) < SCRIPT_BYTES
    kept = await visitor.page.evaluate("Object.entries(localStorage)")
    assert any("terms:" in name and "c2sp.org/tlog-proof" in value for name, value in kept)


async def _prove(visitor: Visitor, running: Running, tmp_path: Path) -> None:
    """Four ticks, a cross for one changed letter, and the same answer from the command outside of the browser."""
    page = visitor.page
    await page.locator(".receipt .quiet").last.click()
    await page.locator(".summary[data-outcome=holds]").wait_for()
    assert await page.locator(".steps li[data-outcome=holds]").count() == 4
    await visitor.look("5-verified")
    async with page.expect_download() as download:
        await visitor.button("Save the receipt").click()
    saved = tmp_path / "receipt.json"
    await (await download.value).save_as(saved)
    text = page.get_by_label("The text that is checked")
    was = await text.input_value()
    await text.fill(was.replace(was[0], "#", 1))
    await page.locator(".summary[data-outcome=fails]").wait_for()
    await visitor.look("6-altered")
    await page.keyboard.press("Escape")
    done = running.run("audit.verify", "--receipt", str(saved), "--key", str(running.vkey))
    assert json.loads(done.stdout)["receipts"][0]["valid"]


async def _take_along(visitor: Visitor) -> None:
    """A copy names its record; on paper the watermark stays."""
    page = visitor.page
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('.words .prose p'))")
    await page.keyboard.press("Control+c")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert "web-learner" in copied
    assert "record 0" in copied
    await page.emulate_media(media="print")
    assert await page.locator(".watermark").first.is_visible()
    assert not await page.get_by_label("Your question").is_visible()
    await visitor.look("7-print")
    await page.emulate_media(media="screen")


async def _find_again(visitor: Visitor) -> None:
    """The copied answer leads back to its record, wherever it is pasted; with one word more it does not."""
    page = visitor.page
    await visitor.button("Copy").last.click()
    await visitor.button("Copied").wait_for()
    copied = await page.evaluate("navigator.clipboard.readText()")
    await page.get_by_role("link", name="Find a record").click()
    await page.get_by_label("The whole answer").fill(copied)
    await visitor.button("Find its record").click()
    await page.get_by_text("The log holds this answer", exact=True).wait_for(timeout=60_000)
    await expect(page.locator(".steps li[data-outcome=holds]")).to_have_count(4)
    await visitor.look("8-found")
    await page.get_by_label("The whole answer").fill(f"Never {copied}")
    await visitor.button("Find its record").click()
    await page.get_by_text("No record of this text").wait_for(timeout=60_000)
    await visitor.look("9-not-found")


async def test_a_lesson_opens_its_answer_and_a_refusal_can_be_appealed(running: Running, arrive: Arrive) -> None:
    visitor = await arrive(running.url, "lesson")
    page = visitor.page
    await visitor.enter(running.mint("web-lesson"))
    await visitor.ask(LAB)
    await page.locator(".lesson").wait_for(timeout=60_000)
    await page.get_by_label("Your thoughts on question 1").fill("Only on machines that are mine.")
    await visitor.look("1-lesson")
    await visitor.button("Pass and see the answer").click()
    await page.locator(".reply .passed").wait_for(timeout=60_000)
    reply = await visitor.answered()
    await reply.locator(".words").wait_for()
    await visitor.look("2-passed")
    await visitor.ask(HARM)
    refusal = page.locator(".refusal")
    await refusal.wait_for(timeout=60_000)
    await refusal.get_by_text("Appeal", exact=True).click()
    await refusal.get_by_label("Why do you think this refusal is a mistake?").fill("It was for a class on response.")
    await visitor.look("3-refusal")
    await visitor.button("Send the appeal").click()
    await page.get_by_text("Your appeal is on record").wait_for()
    asked = (
        "select kind, count(*) as n from records where kind in ('appeal', 'pass') and text like '%class on response%'"
    )
    found = running.run("audit.query", str(running.log), asked + " or text like '%Only on machines%' group by kind",
                        "--keys", str(running.home / "keys"), "--format", "json")  # fmt: skip
    assert {row["kind"] for row in json.loads(found.stdout)} == {"appeal", "pass"}


async def test_the_page_on_a_phone_and_in_the_dark(running: Running, arrive: Arrive) -> None:
    key = running.mint("web-phone")
    phone = await arrive(
        running.url, "phone", viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True
    )
    await phone.enter(key)
    await phone.page.get_by_label("Your question").fill(LEARN[0])
    await phone.button("Send").click()  # by touch, Enter begins a new line
    await phone.answered()
    await phone.look("1-answer")
    await phone.button("Menu").click()
    await phone.look("2-menu")
    await phone.page.keyboard.press("Escape")
    await phone.page.set_viewport_size({"width": 320, "height": 640})
    width = await phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 320
    await phone.look("3-narrow")
