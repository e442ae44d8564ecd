"""The page's session: what a cookie may do, and from where. Rules by themselves, then on the real application."""

import time
from http.cookies import SimpleCookie

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import signin
from app.api import create_app
from app.errors import NotAllowed
from app.sessions import COOKIE, CSRF_HEADER, MAX_KEY_CHARS, SessionEnded, recognised, remember
from app.settings import Limits
from tests.unit.app.conftest import World

PAGE = {"host": "test", CSRF_HEADER: "1", "sec-fetch-site": "same-origin", "origin": "http://test"}
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
VALUES = st.text(st.characters(codec="latin-1"), max_size=40)


@given(METHODS, st.dictionaries(st.sampled_from([CSRF_HEADER, "origin", "host", "sec-fetch-site", "cookie"]), VALUES))
def test_nothing_but_our_own_page_is_recognised_by_its_cookie(method: str, headers: dict[str, str]) -> None:
    """Whatever else comes, a key out of the cookie means that all three signs were right."""
    headers["cookie"] = f"a=b; {COOKIE}=k; {headers.get('cookie', '').replace(COOKIE, '')}"
    try:
        known = recognised(method, headers)
    except NotAllowed:
        return
    assert known["authorization"] == "Bearer k"
    assert headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    assert method in ("GET", "HEAD") or headers[CSRF_HEADER] == "1"
    assert "origin" not in headers or headers["origin"].lower().split("://")[1] == headers["host"].lower()


@given(METHODS, st.sampled_from(["authorization", "api-key"]), VALUES, VALUES)
def test_a_key_in_a_header_wins_over_every_cookie(method: str, name: str, key: str, cookie: str) -> None:
    headers = {
        name: key,
        "cookie": f"{COOKIE}={cookie}",
        "sec-fetch-site": "cross-site",
        "origin": "https://evil.example",
    }
    assert recognised(method, headers) == headers


@given(VALUES)
def test_garbage_for_cookies_is_no_key_or_one_that_is_judged(cookies: str) -> None:
    try:
        known = recognised("GET", {"cookie": cookies})
    except SessionEnded:
        assert cookies.count(COOKIE) > 1
        return
    assert ("authorization" in known) == (COOKIE in [pair.split("=")[0].strip() for pair in cookies.split(";")])


FOREIGN = {
    "no header of ours": {CSRF_HEADER: None},
    "another value in it": {CSRF_HEADER: "true"},
    "another site": {"sec-fetch-site": "cross-site"},
    "a neighbour of the same site": {"sec-fetch-site": "same-site"},
    "another origin": {"origin": "https://evil.example"},
    "no origin that it may tell": {"origin": "null"},
    "another port": {"origin": "http://test:8265"},
    "our name in another's": {"origin": "http://test.evil.example"},
    "another scheme": {"origin": "file://test"},
    "an empty host": {"origin": "http://", "host": ""},
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_request_that_is_not_the_pages_is_forged(change: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (PAGE | change).items() if value is not None}
    with pytest.raises(NotAllowed) as raised:
        recognised("POST", headers | {"cookie": f"{COOKIE}=k"})
    assert raised.value.code == "csrf"


def test_two_sessions_are_nobodys_and_end() -> None:
    with pytest.raises(SessionEnded) as raised:
        recognised("GET", {"cookie": f"{COOKIE}=a; {COOKIE}=b"})
    assert "Max-Age=0" in raised.value.headers()["set-cookie"]
    assert recognised("GET", {"cookie": f"{COOKIE}=a; {COOKIE}=a"})["authorization"] == "Bearer a"


@given(st.integers(-10, 10**9), st.booleans())
def test_the_cookie_is_closed_to_scripts_and_other_sites(seconds: int, secure: bool) -> None:
    cookie = SimpleCookie(remember("a.b.c", seconds, secure=secure))[COOKIE]
    assert (cookie.value, cookie["httponly"], cookie["samesite"], cookie["path"]) == ("a.b.c", True, "Strict", "/")
    assert (cookie["domain"], int(cookie["max-age"]), bool(cookie["secure"])) == ("", max(seconds, 0), secure)


@pytest.fixture
def browser(world: World) -> httpx.AsyncClient:
    """The page's own requests, with a cookie jar and no other key."""
    transport = httpx.ASGITransport(world.app(), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=PAGE)


async def sign_in(browser: httpx.AsyncClient, key: str) -> httpx.Response:
    return await browser.post("/session", json={"key": key})


async def test_a_learner_signs_in_asks_and_signs_out(world: World, browser: httpx.AsyncClient) -> None:
    began = await sign_in(browser, f" {world.key(ttl_s=500)}\n")
    assert (began.status_code, began.content) == (204, b"")
    assert 490 < int(SimpleCookie(began.headers["set-cookie"])[COOKIE]["max-age"]) <= 500
    told = (await browser.get("/session")).json()
    assert 490 < told.pop("expires_at") - time.time() <= 500
    terms = {"version": world.terms.version, "digest": world.terms.digest, "accepted": True}
    assert told == {"subject": "ada", "tenant": "school", "role": "learner", "model": "tiny", "terms": terms}
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is a buffer overflow?"}], "stream": True}
    asked = await browser.post("/v1/chat/completions", json=body)
    assert (asked.status_code, asked.text.strip().endswith("data: [DONE]")) == (200, True)
    assert (await browser.delete("/session")).status_code == 204
    gone = await browser.get("/session")
    assert (gone.status_code, gone.json()["error"]["code"]) == (401, "invalid_api_key")
    assert "set-cookie" not in gone.headers


async def test_terms_that_were_not_accepted_are_told(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser, world.key("eve"))
    assert (await browser.get("/session")).json()["terms"]["accepted"] is False
    assert (await browser.post("/v1/terms", json={"digest": world.terms.digest})).status_code == 200
    await world.view.refresh()
    assert (await browser.get("/session")).json()["terms"]["accepted"] is True


async def test_other_sites_can_neither_ask_nor_sign_anybody_in_or_out(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser, world.key())
    before, forged = world.kinds(), 0
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is TLS?"}]}
    for change in FOREIGN.values():
        if "" in change.values():
            continue  # httpx sends no empty host
        browser.headers = httpx.Headers({name: value for name, value in (PAGE | change).items() if value})
        for method, path, sent in (("POST", "/v1/chat/completions", body), ("DELETE", "/session", None)):
            answer = await browser.request(method, path, json=sent)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf"), (change, path)
            assert "set-cookie" not in answer.headers
            forged += 1
        if CSRF_HEADER not in change:
            assert (await sign_in(browser, world.key("mallory"))).status_code == 403
            forged += 1
    assert (world.kinds(), world.counts["csrf"]) == (before, forged)
    browser.headers = httpx.Headers(PAGE)
    assert (await browser.get("/session")).json()["subject"] == "ada"


async def test_a_cross_site_read_is_refused_too(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser, world.key())
    answer = await browser.get("/session", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


async def test_the_header_wins_where_both_come(world: World, browser: httpx.AsyncClient) -> None:
    await sign_in(browser, world.key())
    other = await browser.get("/session", headers={"authorization": f"Bearer {world.key('eve')}"})
    assert other.json()["subject"] == "eve"
    bad = await browser.get("/session", headers={"authorization": "Bearer garbage"})
    assert (bad.status_code, "set-cookie" in bad.headers) == (401, False)


async def test_a_key_that_ended_clears_its_cookie(world: World, browser: httpx.AsyncClient) -> None:
    for value, code in (
        (world.key(ttl_s=-5), "expired_api_key"),
        ("garbage", "invalid_api_key"),
        ("", "invalid_api_key"),
    ):
        answer = await browser.get("/session", headers={"cookie": f"{COOKIE}={value}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
        assert SimpleCookie(answer.headers["set-cookie"])[COOKIE]["max-age"] == "0"


async def test_an_outage_does_not_end_a_session(world: World, browser: httpx.AsyncClient) -> None:
    world.control.down = True
    answer = await browser.get("/session", headers={"cookie": f"{COOKIE}={world.key('new')}"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)


async def test_what_is_no_key_begins_no_session(world: World, browser: httpx.AsyncClient) -> None:
    key = world.key()
    leniently_decoded = (f"{key};Domain=example", f"{key}\r\nset-cookie: a=b", f"{key}=", f"{key} x")
    for bad in ("garbage", "a.b.c", world.key(ttl_s=-5), *leniently_decoded):
        answer = await sign_in(browser, bad)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False), bad
    long = await sign_in(browser, "a" * (MAX_KEY_CHARS + 1))
    assert (long.status_code, long.json()["error"]["param"]) == (400, "key")
    assert (await sign_in(browser, "a" * signin.BODY_BYTES)).status_code == 413
    for body in (b"", b"[]", b'{"key": 1}', b'{"key": "a", "more": 1}'):
        refused = await browser.post("/session", content=body)
        assert refused.status_code == 400, body


async def test_a_bad_key_is_never_repeated(world: World, browser: httpx.AsyncClient, caplog) -> None:
    secret = "s3cret-" * 3
    for answer in (await sign_in(browser, secret), await browser.post("/session", json={"key": [secret]})):
        assert secret not in answer.text + caplog.text


async def test_signing_in_counts_against_ones_limit(make_world) -> None:
    world = await make_world(Limits(requests_per_minute=3))
    transport = httpx.ASGITransport(world.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        seen = [(await sign_in(browser, world.key())).status_code for _ in range(4)]
    assert seen == [204, 204, 429, 429]  # accepting the terms was one


async def test_bodies_of_strangers_take_few_places(world: World, browser: httpx.AsyncClient, monkeypatch) -> None:
    monkeypatch.setattr(signin, "AT_A_TIME", 0)
    transport = httpx.ASGITransport(world.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as full:
        answer = await sign_in(full, world.key())
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (
        503,
        "overloaded",
        "1",
    )


async def test_behind_tls_the_cookie_never_goes_without_it(world: World) -> None:
    app = create_app(world.tutor, world.counts, None, behind_tls=True)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://test") as browser:
        assert "; Secure" in (await sign_in(browser, world.key())).headers["set-cookie"]
        assert (await browser.get("/session")).status_code == 200
