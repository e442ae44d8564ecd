"""Who may hold the chat: named origins get leave for its routes, with a key of their own; nobody else for anything."""

import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api import create_app
from app.contract.routes import PAGES, ROUTES, elsewhere
from app.cors import SHOWN
from app.headers import ALWAYS
from app.identity.issuers import is_origin
from app.pages import add_pages
from app.sessions import COOKIE
from app.settings import Settings, from_environment
from tests.unit.app.conftest import World

LMS, LAPTOP, EVIL = "https://lms.example.org", "http://localhost:3000", "https://evil.example"
SCRIPT = "customElements.define('preceptor-chat', class extends HTMLElement {});\n" * 20
CALLED = {
    ("POST", "/v1/chat/completions"), ("GET", "/v1/terms"), ("POST", "/v1/terms"),
    ("POST", "/v1/lessons/{lesson_id}/pass"), ("POST", "/v1/appeals"), ("GET", "/v1/receipts/{request_id}"),
    ("GET", "/v1/audit/keys"), ("GET", "/session"), ("GET", "/embed/{name}"), ("HEAD", "/embed/{name}"),
}  # fmt: skip

HEADS = {("HEAD", "/embed/{name}")}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


@pytest.fixture
async def tutor(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dist = tmp_path / "dist" / "embed"
    dist.mkdir(parents=True)
    (dist / "preceptor-chat.js").write_text(SCRIPT)
    (dist / "secret.pem").write_text("secret")
    monkeypatch.setattr("app.api.add_pages", lambda app: add_pages(app, dist.parent))
    app = create_app(world.tutor, world.counts, None, embed_origins=(LMS, LAPTOP))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


def leave(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    asked = {"access-control-request-method": method, "access-control-request-headers": "authorization,content-type"}
    return asked | {"origin": origin}


def filled(path: str) -> str:
    return path.format(lesson_id="x", request_id="0198c0de-0000-7000-8000-000000000000", name="tiny", about="x")


def test_the_contract_names_what_is_called_from_elsewhere() -> None:
    assert {(method, path) for path, method in elsewhere()} == CALLED


def test_the_document_names_the_same() -> None:
    section = PAGE.read_text().split("## In pages of others", 1)[1].split("\n## ", 1)[0]
    told = re.findall(r"`(GET|POST) (/[^`]+)`", section)
    assert {(method, path.replace("preceptor-chat.js", "{name}")) for method, path in told} == CALLED - HEADS
    assert set(re.findall(r"`([a-z-]+)`", section.strip().splitlines()[-1])) == {
        "authorization", "content-type", *SHOWN.split(", ")
    }  # fmt: skip


async def test_a_named_origin_is_given_leave_without_a_key(tutor: httpx.AsyncClient) -> None:
    for origin in (LMS, LAPTOP):
        for method, path in CALLED - HEADS:
            answer = await tutor.options(filled(path), headers=preflight(origin, method))
            methods = sorted(each for each, place in CALLED if place == path)
            assert (answer.status_code, answer.content) == (204, b"")
            assert leave(answer) == {
                "access-control-allow-origin": origin,
                "access-control-allow-methods": ", ".join(methods),
                "access-control-allow-headers": "authorization, content-type",
                "access-control-max-age": "600",
            }
            assert "Origin" in answer.headers["vary"]
            assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


ELSEWHERE = (
    EVIL, "null", "*", "http://lms.example.org", "https://lms.example.org:444", "https://lms.example.org.evil.example",
    "https://LMS.example.org", "https://lms.example.org/", "https://evil.example#https://lms.example.org", "",
    "http://localhost:3001", f"{LMS},{EVIL}", f"{LMS} {EVIL}",
)  # fmt: skip


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_no_other_origin_gets_a_word_of_leave(tutor: httpx.AsyncClient, origin: str) -> None:
    for path in ("/v1/chat/completions", "/v1/terms", "/embed/preceptor-chat.js"):
        asked = await tutor.options(path, headers=preflight(origin))
        read = await tutor.get(path, headers={"origin": origin})
        assert asked.status_code == 405
        assert (leave(asked), leave(read)) == ({}, {})
        assert "origin" in read.headers["vary"].lower()  # a cache must not give this to another origin


async def test_routes_that_are_not_offered_elsewhere_say_nothing(tutor: httpx.AsyncClient) -> None:
    offered = {path for _, path in CALLED}
    for path in ({route.path for route in ROUTES} | set(PAGES)) - offered:
        asked = await tutor.options(filled(path), headers=preflight(LMS, "GET"))
        read = await tutor.get(filled(path), headers={"origin": LMS})
        assert (asked.status_code, leave(asked), leave(read)) == (405, {}, {}), path
    assert (await tutor.options("/v1/terms", headers=preflight(LMS, "DELETE"))).status_code == 405


async def test_answers_and_refusals_may_be_read_there(tutor: httpx.AsyncClient, world: World) -> None:
    key = {"authorization": f"Bearer {world.key()}", "origin": LMS}
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is TLS?"}]}
    for sent, stream, status in ((key, False, 200), (key, True, 200), ({"origin": LMS}, False, 401)):
        answer = await tutor.post("/v1/chat/completions", json=body | {"stream": stream}, headers=sent)
        assert answer.status_code == status
        shown = {"access-control-allow-origin": LMS, "access-control-expose-headers": SHOWN}
        assert leave(answer) == shown  # and no credentials


async def test_a_session_counts_for_nothing_there(tutor: httpx.AsyncClient, world: World) -> None:
    cookie = {"cookie": f"{COOKIE}={world.key()}", "origin": LMS, "sec-fetch-site": "same-site"}
    answer = await tutor.post("/v1/terms", json={"digest": world.terms.digest}, headers=cookie)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


async def test_the_script_may_be_loaded_there_and_nothing_beside_it(tutor: httpx.AsyncClient) -> None:
    script = await tutor.get("/embed/preceptor-chat.js", headers={"origin": LMS})
    assert (script.status_code, script.text) == (200, SCRIPT)
    told = {"cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": LMS,
            "content-type": "text/javascript; charset=utf-8", "cache-control": "no-cache"}  # fmt: skip
    assert {name: script.headers.get(name) for name in told} == told
    again = await tutor.get(
        "/embed/preceptor-chat.js", headers={"origin": LMS, "if-none-match": script.headers["etag"]}
    )
    assert (again.status_code, leave(again)) == (304, leave(script))
    for path in ("/embed/secret.pem", "/embed/", "/embed", "/embed/x.js", "/embed/..%2fsecret.pem"):
        assert (await tutor.get(path, headers={"accept": "text/html"})).status_code == 404, path


async def test_without_named_origins_nothing_speaks_of_cors(world: World) -> None:
    asked = await world.http.options("/v1/terms", headers=preflight(LMS))
    read = await world.http.get("/v1/terms", headers={"origin": LMS})
    assert (asked.status_code, leave(asked), leave(read), read.headers.get("vary")) == (405, {}, {}, None)


@pytest.mark.parametrize(
    "origin", ["*", "null", "", "lms.example.org", "http://lms.example.org", f"{LMS}/", f"{LMS}/chat", f"{LMS}:443",
               "https://LMS.example.org", "https://*.example.org", "https://a@lms.example.org", f"{LMS}?x", f"{LMS}#x",
               "https://bücher.example", "file:///x", "http://localhost:80", "https://a.example:"],
)  # fmt: skip
def test_what_is_no_exact_origin_keeps_the_gateway_from_starting(origin: str) -> None:
    with pytest.raises(ValidationError, match="expected origins such as"):
        Settings(embed_origins=(LMS, origin))


def test_the_environment_lists_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTOR_EMBED_ORIGINS", f"{LMS}, {LAPTOP},")
    assert from_environment().embed_origins == (LMS, LAPTOP)
    assert from_environment(embed_origins=[]).embed_origins == ()
    monkeypatch.setenv("PRECEPTOR_EMBED_ORIGINS", "*")
    with pytest.raises(ValidationError, match="expected origins such as"):
        from_environment()


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"\Ahttps?://[a-z0-9.:/@#?*-]{0,20}\Z"))
def test_an_origin_has_no_path_no_person_and_no_doubt(text: str) -> None:
    if is_origin(text):
        scheme, _, authority = text.partition("://")
        assert scheme == "https" or authority.partition(":")[0] in ("localhost", "[") or authority.startswith("127.")
        assert not set(authority) & set("/@#?\\ *")
