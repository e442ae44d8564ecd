"""The register: nothing is ingested without licence, attribution, use and somebody who allowed it."""

import fnmatch
import os
import re
from pathlib import Path

import pytest

from train import sources
from train.errors import SourceError

GOOD = sources.REGISTER.read_text()
DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "knowledge"


def test_the_page_is_the_register() -> None:
    assert sources.table(sources.load()) in Path("docs/data-sources.md").read_text()


@pytest.mark.parametrize(
    "field",
    ["title", "address", "licence", "licence_url", "attribution", "allowed_use", "authorised_by", "authorised_on",
     "rhythm", "parser", "files"],
)  # fmt: skip
def test_a_source_without_a_field_is_refused_by_name(field: str, tmp_path: Path) -> None:
    kev = re.search(r"^\[kev\]\n(?:.+\n)+", GOOD, re.MULTILINE)
    assert kev
    for text in (re.sub(rf"^{field} = .*\n", "", kev[0], flags=re.MULTILINE),
                 re.sub(rf"^{field} = .*$", f'{field} = "" ', kev[0], flags=re.MULTILINE)):  # fmt: skip
        path = tmp_path / "sources.toml"
        path.write_text(text)
        with pytest.raises(SourceError, match=rf"^kev: {field}"):
            sources.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2026-11-28", "2999-01-01"), "authorised_on: .*expected a day that has come"),
        (('"training", "retrieval"', '"training", "sale"'), "allowed_use"),
        (('parser = "kev"', 'parser = "pickle"'), "parser: .*expected one of"),
        (("https://www.cisa.gov/sites/default/files/feeds", "http://www.cisa.gov/feeds"), "address"),
        (('rhythm = "daily"', 'rhythm = "daily"\ncolour = "red"'), "colour"),
    ],
)
def test_a_wrong_field_is_refused_with_what_came(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    kev = re.search(r"^\[kev\]\n(?:.+\n)+", GOOD, re.MULTILINE)
    assert kev
    path = tmp_path / "sources.toml"
    path.write_text(kev[0].replace(*change))
    with pytest.raises(SourceError, match=f"^kev: {said}"):
        sources.load(path)


def test_every_file_of_the_feeds_has_one_place_in_the_register() -> None:
    if not DATA.is_dir():
        pytest.skip("not run: no data (1 test)")
    register = sources.load()
    for path in DATA.rglob("*"):
        if path.is_file():
            name = path.relative_to(DATA).as_posix()
            read = [each for each, source in register.items() if source.matches(name)]
            passed = [e for e, s in register.items() if any(fnmatch.fnmatchcase(name, p) for p in s.passed_over)]
            assert len(read) + len(passed) == 1, (name, read, passed)
