"""The page's files: what is served, how it may be cached, and that nothing else of the disk comes."""

import asyncio
import gzip
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from app.api import create_app
from app.contract.routes import ROUTES
from app.errors import NotFound
from app.headers import ALWAYS
from app.pages import POLICY, RESERVED, UNBUILT, add_pages
from tests.unit.app.conftest import World

INDEX = '<!doctype html><script type="module" src="/assets/index-aB3.js"></script>'
SCRIPT = "export const answer = 42;\n" * 100
SECRET = "a secret beside the page"
PERSON = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OURS = ALWAYS | {"content-security-policy": POLICY}


def build(home: Path) -> Path:
    """What vite leaves, with things around and in it that are not to be served."""
    dist = home / "web" / "dist"
    (dist / "assets" / "deep").mkdir(parents=True)
    (dist / "index.html").write_text(INDEX)
    (dist / "assets" / "index-aB3.js").write_text(SCRIPT)
    (dist / "favicon.svg").write_text("<svg/>")
    (home / "web" / "secret.txt").write_text(SECRET)
    for name in (".digest", "assets/index-aB3.js.map", "assets/key.pem"):
        (dist / name).write_text(SECRET)
    (dist / "assets" / "link.txt").symlink_to(home / "web" / "secret.txt")
    return dist


@pytest.fixture
async def page(world: World, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("app.api.add_pages", lambda app: add_pages(app, build(tmp_path / "page")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app()), base_url="http://test") as client:
        yield client


async def test_the_page_is_asked_for_anew_and_its_assets_never(page: httpx.AsyncClient) -> None:
    for path, cache, text in (("/", "no-cache", INDEX), ("/index.html", "no-cache", INDEX),
                              ("/assets/index-aB3.js", "public, max-age=31536000, immutable", SCRIPT),
                              ("/favicon.svg", "no-cache", "<svg/>")):  # fmt: skip
        answer = await page.get(path)
        assert (answer.status_code, answer.text) == (200, text), path
        assert {name: answer.headers.get(name) for name in OURS} == OURS | {"cache-control": cache}
        again = await page.get(path, headers={"if-none-match": f'"other", W/{answer.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        assert again.headers["cache-control"] == cache


async def test_head_tells_what_get_would(page: httpx.AsyncClient) -> None:
    for path in ("/", "/assets/index-aB3.js", "/favicon.svg"):
        whole, head = await page.get(path), await page.head(path)
        assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(whole.headers))


async def test_long_files_are_packed_for_whoever_takes_that(page: httpx.AsyncClient) -> None:
    path, etags = "/assets/index-aB3.js", set()
    for accepted, packs in (("gzip, br", True), ("br;q=1, gzip;q=0.5", True), ("identity", False), ("gzip;q=0", False)):
        async with page.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers.get("content-encoding") == "gzip", len(raw) < len(SCRIPT)) == (packs, packs), accepted
        assert (gzip.decompress(raw) if packs else raw).decode() == SCRIPT
        etags.add((packs, answer.headers["etag"]))
    assert len(etags) == 2
    assert "accept-encoding" in answer.headers["vary"]


async def test_a_view_of_the_page_is_the_page_for_people_alone(page: httpx.AsyncClient) -> None:
    for path in ("/chat", "/verify/0198c0de", "/review"):
        assert (await page.get(path, headers=PERSON)).text == INDEX
        script = await page.get(path)
        assert (script.status_code, script.json()["error"]["code"]) == (404, "not_found")
        assert (await page.post(path, headers=PERSON)).status_code == 404


async def test_the_page_never_stands_before_the_api(page: httpx.AsyncClient, world: World) -> None:
    for route in ROUTES:
        path = route.path.replace("{", "").replace("}", "")
        for place in (path, f"{path}/", f"{path}/more", path.upper()):
            answer = await page.get(place, headers=PERSON)
            assert answer.is_redirect or answer.headers["content-type"] == "application/json", place
    for first in sorted(RESERVED - {""}):
        assert (await page.get(f"/{first}/nothing", headers=PERSON)).status_code in (401, 404), first


TRAVERSALS = (
    "/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e%2f%2e%2e%2fsecret.txt", "/assets/..%5c..%5csecret.txt", "/assets//etc/passwd", "//etc/passwd",
    "/assets/%00", "/assets/link.txt", "/.digest", "/assets/index-aB3.js.map", "/assets/key.pem", "/assets/",
    "/assets/deep",
    "/assets/index-aB3.js/", "/assets/index-aB3.js%00.txt", "/%c0%ae%c0%ae/secret.txt", "/file:%2f%2f%2fetc%2fpasswd",
)  # fmt: skip


async def asked(app: ASGIApp, path: str) -> tuple[int, str]:
    """As a server hands the path on; a client's library would have tidied it."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": quote(path).encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"test"), (b"accept", b"text/html")], "server": ("test", 80), "client": ("test", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The page without the API."""
    app = FastAPI(redirect_slashes=False)
    add_pages(app, build(tmp_path_factory.mktemp("page")))
    app.add_exception_handler(NotFound, lambda *_: JSONResponse({}, 404))
    return app


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_out_of_the_folder(alone: FastAPI, path: str) -> None:
    for each in (path, quote(path)):  # decoded once, and not at all
        status, text = await asked(alone, each)
        assert (status, SECRET in text) == (404, False)


PIECES = st.sampled_from(["..", ".", "", "assets", "secret.txt", "v1", "%2e%2e", "%2f", "~", "é", "a", "\\", "\0"])


@given(st.lists(PIECES | st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_whatever_the_path_only_what_was_built_comes(alone: FastAPI, pieces: list[str]) -> None:
    path = "/" + "/".join(pieces)
    status, text = asyncio.run(asked(alone, path))
    assert (status, text) == (200, INDEX) if status == 200 else status == 404
    assert SECRET not in text
    view = status == 200 and path != "/"
    assert not view or pieces[0].lower() not in RESERVED


async def test_methods_that_the_page_does_not_offer(page: httpx.AsyncClient) -> None:
    for path in ("/", "/assets/index-aB3.js"):
        answer = await page.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_without_a_build_the_page_says_so_and_the_api_works(world: World, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("app.api.add_pages", lambda app: add_pages(app, tmp_path / "nothing"))
    app = create_app(world.tutor, world.counts, None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.text) == (200, UNBUILT)
        assert "make web" in answer.text
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert (await client.get("/assets/index-aB3.js")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200


def test_the_page_may_load_its_own_files_alone() -> None:
    told = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert told["default-src"] == told["frame-ancestors"] == told["base-uri"] == "'none'"
    assert {told[name] for name in ("script-src", "style-src", "connect-src", "font-src", "form-action")} == {"'self'"}
    assert told["img-src"] == "'self'"
    assert "unsafe" not in POLICY
    assert "//" not in POLICY
