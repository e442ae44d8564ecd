"""Two reviewers and one of the red team, in real browsers, on the running graph."""

import json

from playwright.async_api import expect

from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.serve.conftest import Running
from tests.serve.test_graph import HARM, LEARN

WAIT_MS = 60_000


def records(running: Running, sql: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        running.run("audit.query", str(running.log), sql, "--format", "json").stdout
    )
    return found


async def reviewer(running: Running, arrive: Arrive, name: str, path: str = "/review") -> Visitor:
    visitor = await arrive(running.url, name)
    visitor.page.set_default_timeout(WAIT_MS)
    await visitor.enter(running.mint(name, "--role", "reviewer"), path)
    return visitor


async def label(visitor: Visitor) -> None:
    """Claim what is open, read it, and say what it was."""
    page = visitor.page
    await visitor.button("Claim and open").click()
    await page.get_by_text("ransomware").first.wait_for()
    await page.get_by_role("radio", name="Harmful").check()
    await page.get_by_role("radio", name="Refuse").check()


async def test_two_reviewers_label_and_one_decides(running: Running, arrive: Arrive) -> None:
    about = running.ask(HARM, running.mint("web-reviewed")).json()["error"]["preceptor"]["request_id"]
    first = await reviewer(running, arrive, "reviewer")
    await first.page.locator(".queue-row").first.wait_for()
    await first.look("1-queue")
    await first.page.keyboard.press("?")
    await first.page.get_by_role("dialog").wait_for()
    await first.look("2-keys")
    await first.page.keyboard.press("Escape")
    await first.open(f"/review?about={about}")
    await label(first)
    await first.look("3-exchange")
    await first.button("Record the label").click()
    await first.page.get_by_text("Your label is on record.").wait_for()
    second = await reviewer(running, arrive, "reviewer-b", f"/review?about={about}")
    await label(second)
    assert await second.page.get_by_text("web-reviewed").count() == 0, "nobody's name is shown"
    await second.button("Record the label").click()
    await second.page.get_by_text("Your label is on record.").wait_for()
    await second.open(f"/review?about={about}")
    await second.button("Claim and open").click()
    await second.button("Decide").click()
    await second.page.get_by_role("radio", name="Harmful").check()
    await second.page.get_by_role("radio", name="Refuse").check()
    await second.page.get_by_role("radio", name="Uphold").check()
    await second.look("4-decide")
    await second.button("Record the decision").click()
    await second.page.get_by_text("Your decision is on record.").wait_for()
    found = records(running, f"select decision from reviews where about = '{about}' order by idx")  # noqa: S608
    assert [row["decision"] for row in found] == ["label", "label", "uphold"]
    await second.open("/agreement")
    await second.page.get_by_text("Krippendorff").first.wait_for()
    await second.look("5-agreement")


async def test_the_red_team_marks_an_answer(running: Running, arrive: Arrive) -> None:
    visitor = await arrive(running.url, "redteam")
    visitor.page.set_default_timeout(WAIT_MS)
    await visitor.enter(running.mint("web-redteam", "--role", "redteam"))
    await visitor.ask(LEARN[3])
    await visitor.answered()
    page = visitor.page
    await page.locator(".mark-finding summary").click()
    await page.get_by_label("Technique").fill("role play")
    await page.get_by_label("Severity").select_option("high")
    await page.get_by_label("What should have happened?").select_option("REFUSE")
    await visitor.look("1-finding")
    await visitor.button("Record the finding").click()
    await expect(page.get_by_text("Marked as a finding: role play, high.")).to_be_visible()
    found = records(running, "select attack, severity, source, expected from findings where attack = 'role play'")
    assert found == [{"attack": "role play", "severity": "high", "source": "human", "expected": "REFUSE"}]
