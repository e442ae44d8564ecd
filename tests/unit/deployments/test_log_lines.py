"""Log lines: each names its event, the page lists them all, and none can bring along what an exception quotes."""

import json
import logging
import re
from pathlib import Path

import pytest
from ray._common.formatters import JSONFormatter

ROOT = Path(__file__).parents[3]
SOURCES = {path: path.read_text() for part in ("app", "deployments") for path in sorted((ROOT / part).rglob("*.py"))}
CALL = re.compile(r"\blogger\.\w+\(")
EVENT = re.compile(r'"event": "(\w+)"')
SPEAKING = {path: text for path, text in SOURCES.items() if CALL.search(text)}


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_line_has_an_event_and_no_stack(path: Path) -> None:
    text = SPEAKING[path]
    assert len(CALL.findall(text)) == len(EVENT.findall(text)) == text.count("extra=")
    assert "logger.exception" not in text
    assert "exc_info" not in text


def test_the_page_lists_exactly_these_events() -> None:
    section = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Logs\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert len(SPEAKING) > 5
    assert sorted(listed) == sorted({event for text in SPEAKING.values() for event in EVENT.findall(text)})


def test_rays_json_has_the_event_as_a_field_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    about = {"event": "fault", "question": "id-1", "service": "guard"}
    logging.getLogger("ray.serve").warning("request %s: fault of %s", "id-1", "guard", extra=about)
    told = json.loads(JSONFormatter().format(caplog.records[0]))
    assert about.items() <= told.items()
    assert told["message"] == "request id-1: fault of guard"
