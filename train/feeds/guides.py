"""OWASP's guides: Markdown pages (Cheat Sheets, WSTG, the Top 10s) and the requirements of ASVS (JSON)."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from train.feeds.fields import facts, plain, prose, string
from train.feeds.read import Place, from_json
from train.records import Aside, BadRecord, Item, Record

_HOMES = {
    "owasp-cheatsheets": "https://cheatsheetseries.owasp.org/cheatsheets/{stem}.html",
    "owasp-wstg": "https://owasp.org/www-project-web-security-testing-guide/latest/",
    "owasp-top10": "https://owasp.org/Top10/",
    "owasp-llm-top10": "https://genai.owasp.org/llm-top-10/",
}
_HEADING = re.compile(r"(#{1,2}) (.+?)(?: #+)?\s*\n")
_SHORT = 40  # characters of a section without its heading that say anything


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "section"


def read(data: bytes, place: Place) -> Iterator[Item]:
    """A section of a page; of a page's beginning, its title is the heading."""
    path = PurePosixPath(place.member.rpartition("!")[2])
    if path.suffix.lower() != ".md" or "license" in path.stem.lower():
        yield Aside("no page of the guide")
        return
    text = data.decode("utf-8").replace("\r\n", "\n")
    found = _HEADING.match(text)
    body = text[found.end() :].strip() if found else text.strip()
    if len(body) < _SHORT:
        yield Aside("heading without text")
        return
    page = prose(re.sub(r"^[\d.]+[-_ ]|[_-]", " ", path.stem))
    heading = prose(re.sub(r"[*`]|\{[^}]*\}|!?\[[^\]]*\]\([^)]*\)", "", found[2])) if found else ""
    folder = path.parent.name if path.stem == "README" else path.stem
    name = f"{place.source}:{'/'.join((*path.parts[:-1], folder))}#{_slug(heading)}-{place.start}"
    yield Record(
        name, "guide", heading or page, body, url=_HOMES.get(place.source, "").format(stem=path.stem),
        facts=facts(page=page if path.stem != "README" else prose(re.sub(r"^[\d.]+[-_ ]|[_-]", " ", folder)),
                    section=heading if found and len(found[1]) > 1 else ""),
    )  # fmt: skip


def read_asvs(data: bytes, _: Place) -> Iterator[Item]:
    """One requirement of the Application Security Verification Standard."""
    entry = from_json(data)
    number = string(entry, "req_id")
    if not re.fullmatch(r"V\d+(?:\.\d+){2}", number):
        raise BadRecord(f"req_id: expected V1.2.3, got {number[:40]!r}")
    yield Record(
        f"ASVS-{number}", "requirement", f"{string(entry, 'section_name')} {number}",
        prose(string(entry, "req_description")),
        url="https://owasp.org/www-project-application-security-verification-standard/",
        facts=facts(chapter=string(entry, "chapter_name"), section=string(entry, "section_name"),
                    level=plain(entry, "L")),
    )  # fmt: skip
