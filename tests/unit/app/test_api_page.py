"""docs/api.md tells the routes as the contract has them, and the page at /docs as the OpenAPI document does."""

import re
from html import unescape
from pathlib import Path

from app.api import create_app
from app.contract.routes import ROUTES, Route
from app.errors import PreceptorError
from app.headers import ALWAYS, HSTS
from app.incoming import HEADER_BYTES, HEADER_FIELDS
from app.pages import POLICY
from app.sessions import MAX_KEY_CHARS
from app.signin import AT_A_TIME, BODY_BYTES, BODY_TIMEOUT_S

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def cells(route: Route) -> list[str]:
    roles = "no key" if not route.roles else "every role" if len(route.roles) == 5 else ", ".join(route.roles)
    statuses = " ".join(map(str, [route.status, *sorted(route.refusals)]))
    return [f"`{route.method} {route.path}`", roles, statuses]


def test_the_table_of_routes_is_the_contracts() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    told = [row[:1] + row[2:] for row in rows if len(row) == 4 and re.match(r"`(GET|POST|DELETE) /", row[0])]
    assert told == [cells(route) for route in ROUTES]


def test_the_page_names_each_status_field_and_bound() -> None:
    text = PAGE.read_text()
    kinds, found = [PreceptorError], set[int]()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.add(kind.status)
    found.discard(PreceptorError.status)
    missing = {status for status in found if f"| {status} |" not in text}
    assert not missing
    for name, value in (ALWAYS | HSTS).items():
        assert f"`{name.title()}: {value}`" in text, name
    assert f"{HEADER_FIELDS} fields" in text
    assert f"{HEADER_BYTES:,} bytes" in text
    assert f"{MAX_KEY_CHARS:,} characters" in text
    assert f"{BODY_BYTES:,} bytes and take {BODY_TIMEOUT_S:g} s, {AT_A_TIME} at a time" in text
    assert POLICY in " ".join(text.split())


async def test_docs_and_document_tell_the_same(world) -> None:
    page = unescape((await world.http.get("/docs")).text)
    document = create_app(world.tutor, world.counts, None).openapi()  # type: ignore[arg-type]
    assert (await world.http.get("/openapi.json")).json() == document
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert f"<tr><td>{method.upper()} {path}<td>{told['summary']}<td>" in page
    assert "<script" not in page
    assert "//" not in page  # nothing from elsewhere
