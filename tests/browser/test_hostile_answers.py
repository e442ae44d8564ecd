"""What a model says is shown as text, whatever it holds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.conftest import Arrive
from tests.browser.site import Site, patient, served
from tests.browser.visitor import Visitor
from tests.unit.app.conftest import World

ACTIVE = ":is(script, img, iframe, style, object, embed, form, input, video, svg image, [onerror], [onclick], [style])"

MARKUP = """<script>document.title = 'broken in'</script><img src=x onerror="document.title = 'broken in'">
<iframe src="https://example.org"></iframe> <style>body { display: none }</style> <form action="https://example.org"><input name=key></form>

[press](javascript:document.title='broken%20in') ![picture](https://example.org/x.png)
[data](data:text/html,<script>document.title='broken in'</script>) [fine](https://example.org/page)

<b id="question">bold</b> <a id="root" name="body">clobbers</a> <math><mtext><script>document.title = 'broken in'</script></mtext></math>
"""  # noqa: E501
MIXED = (
    "The file \u202eexe.gnp\u202c is named \u05e9\u05dc\u05d5\u05dd "
    "and \u0645\u0631\u062d\u0628\u0627 in\u2066side\u2069 a line."
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(World(tmp_path, patient())) as made:
        yield made


async def learner(site: Site, arrive: Arrive) -> Visitor:
    visitor = await arrive(site.url, "hostile")
    await visitor.enter(site.world.key("ada", ttl_s=3600))
    return visitor


async def answer(visitor: Visitor, site: Site, text: str) -> str:
    site.world.model.text = text
    await visitor.ask("Say what you have.")
    reply = await visitor.answered()
    return await reply.locator(".words").inner_text()


async def test_markup_in_an_answer_does_nothing(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive)
    title = await visitor.page.title()
    shown = await answer(visitor, site, MARKUP)
    await visitor.page.wait_for_timeout(500)
    assert await visitor.page.title() == title
    assert await visitor.page.locator(f".words .prose {ACTIVE}").count() == 0
    links = await visitor.page.locator(".words .prose a").evaluate_all("all => all.map(a => [a.href, a.rel, a.id])")
    assert [href for href, _, _ in links if not href.startswith("https://example.org/page")] == []
    assert all("noopener" in rel or "noreferrer" in rel for _, rel, _ in links)
    assert "fine" in shown
    assert await visitor.page.locator("#question").count() == 1
    assert await visitor.page.locator("textarea#question").is_visible()
    await visitor.look("markup")


async def test_directions_stay_inside_their_paragraph(site: Site, arrive: Arrive) -> None:
    visitor = await learner(site, arrive)
    shown = await answer(visitor, site, MIXED)
    assert "\u202e" not in shown, "an override that turns what follows around is shown, not obeyed"
    await visitor.look("directions")


@pytest.mark.parametrize("kind", ["line", "nested", "table"])
async def test_a_huge_answer_stays_readable_and_the_page_alive(site: Site, arrive: Arrive, kind: str) -> None:
    huge = {
        "line": "A" * 100_000,
        "nested": "> " * 3_000 + "deep\n\n" + "*" * 20_000,
        "table": "| a | b |\n|---|---|\n" + "| x | y |\n" * 600,
    }[kind]
    visitor = await learner(site, arrive)
    site.world.model.chars = 100
    shown = await answer(visitor, site, huge)
    assert len(shown) > 2_000
    width = await visitor.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    await visitor.page.get_by_label("Your question").fill("still alive")
    assert await visitor.page.get_by_label("Your question").input_value() == "still alive"
