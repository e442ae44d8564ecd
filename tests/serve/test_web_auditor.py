"""An auditor's whole way through the page, in a real browser, on the running graph."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.serve.conftest import Running
from tests.serve.test_graph import HARM

WAIT_MS = 60_000


async def test_an_auditor_checks_the_log_and_asks_it(running: Running, arrive: Arrive, tmp_path: Path) -> None:
    refused = running.ask(HARM, running.mint("web-audited")).json()["error"]["preceptor"]["request_id"]
    visitor = await arrive(running.url, "auditor")
    visitor.page.set_default_timeout(WAIT_MS)
    await visitor.enter(running.mint("web-auditor", "--role", "auditor"), "/audit")
    await _overview(visitor)
    await _records(visitor, refused)
    await _sql(visitor, refused)
    await _lineage_and_alerts(visitor)
    await _report(visitor, tmp_path)


async def _overview(visitor: Visitor) -> None:
    """Each head's signature holds in this browser; the log has no answer without its records."""
    page = visitor.page
    heads = page.locator(".heads > li")
    await heads.first.wait_for()
    await expect(page.locator(".heads > li[data-outcome=holds]")).to_have_count(await heads.count())
    await page.locator(".figure").first.wait_for()
    await visitor.look("1-overview")


async def _records(visitor: Visitor, request_id: str) -> None:
    page = visitor.page
    await page.get_by_role("tab", name="Records").click()
    await page.get_by_label("Request id").fill(request_id)
    await visitor.button("Find").click()
    events = page.locator(".event")
    await expect(events).to_have_count(2)
    await visitor.look("2-records")
    await events.filter(has_text="refusal").click()
    await expect(page.locator(".dialog .steps li[data-outcome=holds]")).to_have_count(4)
    await visitor.look("3-record")
    assert "ransomware" not in await page.content(), "an auditor reads nobody's words"
    await page.keyboard.press("Escape")


async def _sql(visitor: Visitor, request_id: str) -> None:
    """Any SELECT; no text; what reaches beyond the log is answered with DuckDB's own words."""
    page = visitor.page
    await page.get_by_role("tab", name="SQL").click()
    question = page.get_by_label("Question", exact=True)
    await question.fill(
        f"select action, category, text from records where request_id = '{request_id}' and kind = 'refusal'"  # noqa: S608
    )
    await question.press("Control+Enter")
    await page.locator(".grid tbody tr").first.wait_for()
    shown = await page.locator(".grid tbody tr").all_inner_texts()
    assert len(shown) == 1
    assert "null" in shown[0]
    await visitor.look("4-sql")
    await question.fill("select * from read_csv('/etc/passwd')")
    await question.press("Control+Enter")
    await expect(page.locator(".refusal-sql")).not_to_be_empty()


async def _lineage_and_alerts(visitor: Visitor) -> None:
    page = visitor.page
    await page.get_by_role("tab", name="Lineage").click()
    await page.locator(".box").first.wait_for()
    await visitor.look("5-lineage")
    await page.get_by_role("tab", name="Alerts").click()
    await page.locator(".alert, .empty").first.wait_for()
    await visitor.look("6-alerts")


async def _report(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    await page.get_by_role("tab", name="Reports").click()
    await page.get_by_label("Format").select_option("json")
    await visitor.look("7-reports")
    async with page.expect_download(timeout=180_000) as download:
        await page.locator(".reports li").filter(has_text="ntegrity").locator(".quiet").first.click()
    saved = tmp_path / "report.json"
    await (await download.value).save_as(saved)
    report = json.loads(saved.read_text())
    assert report["integrity"]["valid"], report["integrity"]
