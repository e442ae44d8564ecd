"""docs/embedding.md against the plugin, the page that the browser tests open, and the command that mints keys."""

import re
import shlex
from pathlib import Path

from app import keys

ROOT = Path(__file__).resolve().parents[3]
TOLD = (ROOT / "docs" / "embedding.md").read_text()
WEB = ROOT / "app" / "web"


def test_every_attribute_is_told_and_no_other() -> None:
    source = (WEB / "src" / "embed" / "main.tsx").read_text()
    found = re.search(r"observedAttributes = \[(.*)\]", source)
    assert found
    observed = set(re.findall(r'"([\w-]+)"', found[1]))
    assert set(re.findall(r"^\| attribute `([\w-]+)`", TOLD, re.M)) == observed != set()


def test_the_example_is_what_the_browser_tests_open() -> None:
    page = (WEB / "test" / "host.html").read_text().replace("TUTOR", "https://tutor.example")
    example = re.search(r"```html\n(.*?)```", TOLD, re.S)
    assert example
    for line in example[1].splitlines():
        assert line in page


def test_the_command_that_mints_keys_is_one() -> None:
    command = re.search(r"^python -m app\.keys (mint .*)$", TOLD, re.M)
    assert command
    given = keys._parser().parse_args(shlex.split(command[1]))
    assert (given.ttl, given.no_accept) == (600, True)
