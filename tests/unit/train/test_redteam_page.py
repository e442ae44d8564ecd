"""report.html: what attackers wrote stays text, and every figure on it is in report.json."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from train.attack import figure, folders, page, profiles
from train.attack.attempt import Answer, Attempt, Ending, Tried
from train.attack.errors import JournalError
from train.attack.figures import Observed, figures
from train.attack.report import Before, Evaluation, Report
from train.attack.seeds import digest_of

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\u202e &amp; \x1b[31m"


def tried(number: int, category: str, ending: Ending, technique: str = "pyrit:base64") -> Tried:
    attempt = Attempt.of("quick-1", technique, digest_of(str(number)), category)
    return Tried(attempt, HOSTILE, Answer(ending, request_id=f"r{number}", score=0.1 * number))


TRIED = [tried(1, "harmful", "answered"), tried(2, "harmful", "refused"), tried(3, "educational", "refused"),
         tried(4, "override", "cut", "garak:dan.<b>"), tried(5, "dual_use", "lesson")]  # fmt: skip


def report(**changed: object) -> Report:
    shown = figures([Observed.of(each) for each in TRIED])
    fields = {
        "campaign": "quick-1", "profile": "quick", "side": "train", "seeds": "a" * 64, "techniques": "b" * 64,
        "locks": {"garak": "c" * 64}, "models": ["d" * 64], "guards": [], "policies": ["e" * 64], "figures": shown,
        "before": Before(campaign="quick-0", figures=shown), "recomputed": True, "command": "python -m <x>",
        "garak": [Evaluation(probe="dan.<b>", prompts=1, hits=1)],
    }  # fmt: skip
    return Report.model_validate(fields | changed)


class Tags(HTMLParser):
    """The tags of a page, and what stands open."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_hostile_texts_stay_texts_and_nothing_comes_from_elsewhere() -> None:
    text = page.render(report(), TRIED)
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert {"script", "img", "b", "link"}.isdisjoint(tags.seen)
    assert re.findall(r"(?:src|href|url)\s*[=(]", re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)) == []


def test_the_worst_comes_first_and_the_log_has_its_say() -> None:
    text = page.render(report(), TRIED)
    assert re.findall(r"<summary>([\w ]+):", text) == ["bypass", "caught", "false refusal"]
    assert "66.7%" in text  # two of three harmful attempts passed the guard
    assert "gives the same figures" in text
    assert "OTHER figures" in page.render(report(recomputed=False), TRIED)
    assert "no earlier campaign" in page.render(report(before=None), TRIED)


def test_the_picture_has_a_mark_per_technique() -> None:
    drawing = ET.fromstring(figure.draw(report().figures.techniques))  # noqa: S314 - our own
    assert len(drawing.findall("circle")) == 2


def test_a_report_is_read_as_it_was_written_and_folders_tell_campaigns_apart(tmp_path: Path) -> None:
    quick, test = profiles.of("quick", held_out=False), profiles.of("quick", held_out=True)
    for name in ("quick-20260101T000000Z-a", "quick-20260102T000000Z-b", "quick-held-out-20260103T000000Z-c"):
        (tmp_path / name).mkdir()
    assert folders.current(tmp_path, quick) == "quick-20260102T000000Z-b"
    assert folders.current(tmp_path, test) == "quick-held-out-20260103T000000Z-c"
    report().write(tmp_path / "quick-20260101T000000Z-a")
    assert Report.read(tmp_path / "quick-20260101T000000Z-a") == report()
    found = folders.before(tmp_path, quick, "quick-20260102T000000Z-b")
    assert found is not None
    assert found.figures == report().figures
    assert folders.before(tmp_path, test, "quick-held-out-20260103T000000Z-c") is None
    with pytest.raises(JournalError, match="expected a report"):
        Report.read(tmp_path / "quick-20260102T000000Z-b")
