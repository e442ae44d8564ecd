"""Sources under an answer, who wrote it, and what the knowledge base holds and lacks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator

from tests.browser.conftest import Arrive
from tests.browser.grounded import by, ground, hold, recognise, source
from tests.browser.site import Site, patient, served
from tests.browser.visitor import Visitor
from tests.unit.app.conftest import World

ATTACK = "https://attack.mitre.org"
MITIGATIONS = {
    "M1015": "Active Directory Configuration", "M1017": "User Training", "M1025": "Privileged Process Integrity",
    "M1026": "Privileged Account Management", "M1027": "Password Policies", "M1040": "Behavior Prevention on Endpoint",
}  # fmt: skip
SOURCES = [
    source("T1003.001", "LSASS Memory", f"{ATTACK}/techniques/T1003/001"),
    *(source(name, title, f"{ATTACK}/mitigations/{name}") for name, title in MITIGATIONS.items()),
]
QUOTED = "\n".join(
    [
        "The knowledge base records 6 mitigations of LSASS Memory (T1003.001): [T1003.001]",
        *(f"{title} ({name}): it makes this harder. [{name}]" for name, title in MITIGATIONS.items()),
    ]
)
WORDED = (
    "Credential Guard keeps secrets out of that memory. [M1025, M1026] It also stops "
    "CVE-2099-12345 [not in the knowledge base]. See [this page](https://example.org/)."
)
OVERRIDE = "invoice \u202efdp.exe"
HOSTILE = [
    source("X-1", "<img src=x onerror=\"document.title = 'broken in'\"><script>document.title = 'broken in'</script>"),
    source("X-2", "press me", "javascript:document.title='broken in'"),
    source("X-3", "a page of data", "data:text/html,<script>opener.document.title='broken in'</script>"),
    source("X-4", OVERRIDE, "https://attack.mitre.org@evil.example/T1003"),
    source("X-5", "A" * 5_000, "https://example.org/" + "a" * 3_000, "L" * 400),
    source(
        '" onclick="document.title=1', "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "HTTPS://Example.ORG/"
    ),
]
CATALOGUES = {
    "attack": {
        "title": "MITRE ATT&CK for Enterprise", "licence": "LicenseRef-ATTACK-TOU", "latest": "2026-10-28",
        "licence_url": f"{ATTACK}/resources/legal-and-branding/terms-of-use/",
        "attribution": "© The MITRE Corporation. Reproduced with the permission of The MITRE Corporation.",
        "citation": "The MITRE Corporation: MITRE ATT&CK for Enterprise. https://attack.mitre.org",
    },
    "owasp": {
        "title": "OWASP Cheat Sheet Series", "licence": "CC-BY-SA-4.0", "licence_url": "javascript:alert(1)",
        "attribution": "OWASP Cheat Sheet Series, © OWASP Foundation, CC BY-SA 4.0; excerpts.",
        "citation": "OWASP Foundation: OWASP Cheat Sheet Series.", "latest": "2026-11-01",
    },
}  # fmt: skip
HELD = {
    "pack": "c0" * 32,
    "vectors": True,
    "absent": {"cve": "CVE List v5", "nvd": "National Vulnerability Database"},
    "latest": {"MITRE ATT&CK for Enterprise": "2026-10-28"},
    "sources": CATALOGUES,
}
FOCUSED = "document.activeElement.innerText"
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(recognise(World(tmp_path, patient()))) as made:
        yield made


async def learner(site: Site, arrive: Arrive, held: dict[str, Any] | None = None, **profile: Any) -> Visitor:
    visitor = await arrive(site.url, "knowledge", **profile)
    await hold(visitor.context, held)
    await visitor.enter(site.world.key("ada", ttl_s=3600))
    return visitor


async def asked(visitor: Visitor, site: Site, text: str) -> Locator:
    site.world.model.text = text
    await visitor.ask("Which mitigations exist for T1003.001?")
    reply = await visitor.answered()
    await reply.locator(".receipt[data-outcome=holds]").wait_for()
    return reply


async def test_sources_stand_under_an_answer_and_citations_lead_to_them(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, HELD)
    await ground(visitor.context, SOURCES, by("graph", "known"))
    reply = await asked(visitor, site, QUOTED)
    listed = reply.get_by_role("group", name="Sources").get_by_role("listitem")
    assert await listed.count() == 5
    link = listed.first.get_by_role("link", name="LSASS Memory")
    assert await link.get_attribute("href") == f"{ATTACK}/techniques/T1003/001"
    assert (await link.get_attribute("rel"), await link.get_attribute("target")) == ("noopener noreferrer", "_blank")
    assert "attack.mitre.org" in await listed.first.inner_text()
    assert "ATTACK-TOU" in await listed.first.inner_text()
    assert SOURCES[0]["digest"][:12] in await listed.first.inner_text()
    await visitor.look("1-sources")
    await reply.get_by_role("link", name="M1040").focus()
    await visitor.page.keyboard.press("Enter")
    await listed.nth(6).wait_for()
    assert "Behavior Prevention on Endpoint" in await visitor.page.evaluate(FOCUSED)
    assert visitor.page.url == f"{site.url}/"
    await visitor.look("2-gone-to")
    await visitor.button("Back to the text").click()
    assert await visitor.page.evaluate(FOCUSED) == "M1040"
    await visitor.button("Show fewer").click()
    assert await listed.count() == 5
    await visitor.button("Show all 7").click()
    assert await listed.count() == 7


async def test_a_quoted_answer_says_so_and_so_does_its_copy(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, permissions=["clipboard-read", "clipboard-write"])
    page, quoted = visitor.page, "quoted from it"
    model_wrote = "Answers come from a language model and may be wrong"
    some_wrote = "Answers are a language model\u2019s unless they say otherwise"
    assert await page.get_by_text(model_wrote).is_visible()
    await ground(visitor.context, SOURCES, by("graph", "known"))
    reply = await asked(visitor, site, QUOTED)
    assert quoted in await reply.locator(".origin").inner_text()
    assert await page.get_by_text(model_wrote).count() == 0
    assert await page.get_by_text(some_wrote).is_visible()
    await visitor.button("Copy").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{QUOTED}\n\n— Preceptor, looked up in the knowledge base for ada")
    assert "not written by a language model" in copied
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('.words .prose p'))")
    await page.keyboard.press("Control+c")
    chosen = await page.evaluate("navigator.clipboard.readText()")
    assert chosen.startswith(f"{QUOTED}\n\n— Preceptor, looked up")
    await page.get_by_role("link", name="Find a record").click()
    await page.get_by_label("The whole answer").fill(copied)
    await visitor.button("Find its record").click()
    await page.get_by_text("The log holds this answer", exact=True).wait_for()


async def test_sources_are_kept_with_the_conversation_and_printed_whole(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive)
    await ground(visitor.context, SOURCES, by("graph", "known"))
    await asked(visitor, site, QUOTED)
    await visitor.page.reload()
    listed = visitor.page.locator(".cited li:visible")
    await visitor.page.locator(".cited").wait_for()
    assert await listed.count() == 5
    await visitor.page.emulate_media(media="print")
    assert await listed.count() == 7
    assert not await visitor.button("Show all 7").is_visible()
    after = "getComputedStyle(document.querySelector('.cited li a'), '::after').content"
    assert "attr(href)" in await visitor.page.evaluate(after) or ATTACK in await visitor.page.evaluate(after)
    await visitor.look("3-print")


@pytest.mark.parametrize(
    ("outcome", "label"),
    [("unknown", "Not in the knowledge base"), ("withdrawn", "Withdrawn by its publisher"), ("empty", None)],
)
async def test_what_is_unknown_or_withdrawn_is_labelled(
    site: Site, arrive: Arrive, outcome: str, label: str | None
) -> None:
    visitor = await learner(site, arrive)
    await ground(visitor.context, [], by("graph", outcome))
    reply = await asked(visitor, site, "CVE-2099-12345 is not known here; it was looked for in CVE List v5.")
    said = await reply.locator(".origin").inner_text()
    assert "No language model wrote this" in said
    assert await reply.locator(".origin strong").all_inner_texts() == ([label] if label else [])
    assert await reply.get_by_role("group", name="Sources").count() == 0
    await visitor.look(f"4-{outcome}")


async def test_what_a_model_names_and_nobody_knows_is_flagged(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, permissions=["clipboard-read", "clipboard-write"])
    await ground(visitor.context, SOURCES, by("model", unknown=["CVE-2099-12345"], dropped=1))
    reply = await asked(visitor, site, WORDED)
    assert await reply.locator(".words mark").all_inner_texts() == ["[not in the knowledge base]"]
    note = await reply.get_by_role("note").inner_text()
    assert "Not in the knowledge base: CVE-2099-12345." in note
    assert "may have made it up" in note
    assert "kept 1 record away" in await reply.inner_text()
    assert await visitor.page.get_by_text("Answers come from a language model and may be wrong").is_visible()
    await visitor.look("5-flagged")
    await visitor.button("Copy").click()
    copied = await visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{WORDED}\n\n— Preceptor, a language model\u2019s answer to ada")
    cited = await reply.locator(".words a.cite").all_inner_texts()
    assert cited == ["M1025", "M1026"]


async def test_nothing_is_marked_where_nothing_was_looked_up(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive)
    await ground(visitor.context, [], None)
    reply = await asked(visitor, site, WORDED)
    assert await reply.locator(".words mark, .cite, .origin, .cited").count() == 0
    await ground(visitor.context, SOURCES[:1], by("none"))
    reply = await asked(visitor, site, WORDED)
    assert await reply.locator(".words mark, .cite, .origin").count() == 0
    assert await reply.locator(".cited li").count() == 1


async def test_a_lesson_says_what_to_read_next(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive)
    await ground(visitor.context, SOURCES[:2], by("none"))
    await visitor.ask("How do I do the LABWORD exercise?")
    lesson = visitor.page.locator(".lesson")
    await lesson.get_by_role("group", name="Read next").get_by_role("link", name="LSASS Memory").wait_for()
    await visitor.look("6-read-next")
    await visitor.button("Pass and see the answer").click()
    await visitor.page.locator(".passed").wait_for()
    await visitor.answered()
    await visitor.page.locator(".passed summary").click()
    await visitor.page.get_by_role("group", name="Read next").wait_for()
    await visitor.look("7-read-again")


async def test_hostile_sources_do_nothing(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, viewport={"width": 320, "height": 800}, color_scheme="dark")
    page, title = visitor.page, await visitor.page.title()
    await ground(visitor.context, HOSTILE, by("model"))
    names = ", ".join(each["id"] for each in HOSTILE)
    text = f"They say so. [{names}] [X-2](https://evil.example/) [X-4]\n\n[X-4]: https://evil.example/"
    reply = await asked(visitor, site, text)
    await visitor.button(f"Show all {len(HOSTILE)}").click()
    links = await reply.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    outside = [href for href in links if not href.startswith("#")]
    assert outside[:1] == ["https://attack.mitre.org@evil.example/T1003"]
    assert [href.startswith("https://example.org/") for href in outside[1:]] == [True, True]
    assert await reply.locator(".cited li").nth(3).locator(".host").inner_text() == "evil.example"
    shown = await reply.inner_text()
    assert "\u202e" not in shown
    assert "<script>" in shown, "markup is text"
    for link in await reply.locator(".words a.cite").all():
        await link.click()
    assert await page.title() == title
    assert await reply.locator(":is(img, script, [onclick], [onerror])").count() == 0
    width, most = await page.evaluate(WIDTHS)
    assert width <= most
    await visitor.look("8-hostile")


async def test_the_first_screen_and_a_page_tell_what_is_held_and_what_is_not(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, HELD)
    hint = visitor.page.locator(".welcome .held")
    assert "Records of 2 catalogues can be looked up" in await hint.inner_text()
    assert "Not among them: CVE List v5 and National Vulnerability Database." in await hint.inner_text()
    assert not await visitor.page.get_by_label("Jump to the latest").is_visible(), "there is nothing to scroll to"
    await visitor.look("9-welcome")
    await hint.get_by_role("link", name="About the knowledge").click()
    page = visitor.page.locator(".knowledge")
    await page.get_by_role("heading", name="What answers are looked up in").wait_for()
    assert await page.locator(".absent li").all_inner_texts() == ["CVE List v5", "National Vulnerability Database"]
    said = await page.inner_text()
    for each in CATALOGUES.values():
        assert all(each[name] in said for name in ("title", "attribution", "citation", "latest"))
    links = await page.locator("a").evaluate_all("all => all.map(a => a.href)")
    assert links == [CATALOGUES["attack"]["licence_url"]], "the other's is no page"
    await visitor.look("10-knowledge")
    await visitor.page.set_viewport_size({"width": 320, "height": 800})
    await visitor.page.emulate_media(color_scheme="dark")
    width, most = await visitor.page.evaluate(WIDTHS)
    assert width <= most
    await visitor.look("11-knowledge-narrow-dark")


async def test_a_tutor_without_knowledge_says_nothing_of_it(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive, None)
    await visitor.page.locator(".welcome").wait_for()
    await ground(visitor.context, SOURCES[:1], by("graph", "known"))
    await asked(visitor, site, QUOTED)
    assert await visitor.page.get_by_role("link", name="Knowledge", exact=True).count() == 0
    assert await visitor.page.locator(".held, .notices").count() == 0
    await visitor.open("/knowledge")
    await visitor.page.get_by_text("This tutor has no knowledge base at hand").wait_for()
