"""Signing in at an issuer: the whole way over a real HTTP server, and each way in which it may go wrong."""

import logging
import re
from dataclasses import replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.identity.code_flow import Attempt
from app.identity.ways import CALLBACK, PENDING, remember_attempt
from app.sessions import COOKIE
from app.settings import Limits
from audit.record import Entry, Kind
from tests.unit.app.conftest import World
from tests.unit.app.issuing import AUDIENCE, rsa
from tests.unit.app.provider import SECRET, Provider
from tests.unit.app.signing_in import Page, page_of


async def test_whom_the_issuer_signs_in_has_a_session(page: Page, provider: Provider) -> None:
    offered = (await page.http.get("/session/ways")).json()
    assert offered == {"key": True, "oidc": [{"name": "University", "url": "/session/oidc?issuer=0"}]}
    assert await page.sign_in() == "/"
    told = (await page.session()).json()
    assert (told["subject"], told["tenant"], told["role"]) == (f"{provider.url}|ada", "uni", "learner")
    assert provider.codes == {}  # redeemed


async def test_the_cookies_say_where_and_how_long(page: Page) -> None:
    url = await page.answered()
    began = await page.http.get("/session/oidc")
    (attempt,) = SimpleCookie(began.headers["set-cookie"]).values()
    assert (attempt.key, attempt["path"], attempt["samesite"]) == (PENDING, "/session/oidc", "Lax")
    assert (attempt["httponly"], attempt["max-age"], attempt["secure"]) == (True, "600", "")
    assert await page.back(url) == "/?sign_in=failed"  # the second attempt took the first one's place
    url = await page.answered()
    answer = await page.http.get(url)
    ended, session = (next(iter(SimpleCookie(line).values())) for line in answer.headers.get_list("set-cookie"))
    assert (ended.key, ended.value, ended["max-age"], ended["path"]) == (PENDING, "", "0", "/session/oidc")
    assert (session.key, session["path"], session["samesite"], session["httponly"]) == (COOKIE, "/", "Strict", True)
    assert 0 < int(session["max-age"]) <= 300
    assert "; Secure" in remember_attempt(0, Attempt.begin("i"), secure=True)


async def test_an_attempt_tells_nothing_of_its_secret_and_each_is_another() -> None:
    one, two = Attempt.begin("https://a.example"), Attempt.begin("https://a.example")
    elsewhere = replace(one, issuer="https://b.example")
    values = [value for each in (one, two, elsewhere) for value in (each.state, each.nonce, each.verifier, each.secret)]
    assert len(set(values)) == 11  # the same secret at two issuers has nothing else in common
    assert {len(value) for value in values} == {43}  # RFC 7636 asks for 43 to 128
    asked = one.asks("c", ["openid"], "b").values()
    assert not {one.verifier, one.secret} & set(asked)


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "the person says no": ({"refuses": "access_denied"}, "denied", "access_denied"),
    "the issuer is busy": ({"refuses": "temporarily_unavailable"}, "unavailable", "issuer_away"),
    "the issuer says what nobody knows": ({"refuses": "<script>"}, "failed", "issuer_error"),
    "another nonce": ({"wrong": {"nonce": "other"}}, "failed", "id_token: invalid_api_key"),
    "no nonce": ({"wrong": {"nonce": None}}, "failed", "id_token: invalid_api_key"),
    "a nonce that is no text": ({"wrong": {"nonce": 7}}, "failed", "id_token: invalid_api_key"),
    "a nonce of half a character": ({"wrong": {"nonce": "\ud800"}}, "failed", "id_token: invalid_api_key"),
    "an ID token for another client": ({"wrong": {"aud": "other"}}, "failed", "id_token: invalid_api_key"),
    "made for another client": ({"wrong": {"azp": "other"}}, "failed", "id_token: invalid_api_key"),
    "another issuer's ID token": ({"wrong": {"iss": "https://x.example"}}, "failed", "id_token: invalid_api_key"),
    "an ID token of yesterday": ({"wrong": {"exp": 1}}, "failed", "id_token: expired_api_key"),
    "too long for a cookie": ({"wrong": {"more": "x" * 5000}}, "failed", "id_token_too_long"),
    "no secret of ours": ({"secret": "another"}, "failed", "code_refused"),
    "not a bearer token": ({"bearer": "DPoP"}, "failed", "token_reply"),
    "a huge reply": ({"padding": 70_000}, "failed", "token_reply_too_large"),
    "no JSON": ({"reply": b"<html>"}, "failed", "token_reply"),
    "JSON of another kind": ({"reply": b"[]"}, "failed", "token_reply"),
    "no ID token": ({"reply": b'{"token_type": "bearer"}'}, "failed", "no_id_token"),
    "an ID token that is no text": ({"reply": b'{"token_type": "bearer", "id_token": 1}'}, "failed", "no_id_token"),
    "the token endpoint is broken": ({"token_status": 502}, "unavailable", "issuer_away"),
    "too many ask it": ({"token_status": 429}, "unavailable", "issuer_away"),
    "it sends us elsewhere": ({"token_status": 302}, "failed", "code_refused"),
    "it is slow": ({"token_delay_s": 6.5}, "unavailable", "issuer_silent"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_goes_wrong_has_an_outcome_and_a_line_without_secrets(
    page: Page, provider: Provider, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    knobs, outcome, reason = WRONG[case]
    for name, value in knobs.items():
        setattr(provider, name, value)
    with caplog.at_level(logging.WARNING, "ray.serve"):
        assert await page.sign_in() == f"/?sign_in={outcome}"
    (line,) = (record for record in caplog.records if getattr(record, "event", "") == "sign_in_ended")
    assert (line.code, line.reason) == (outcome, reason)  # type: ignore[attr-defined]
    assert not [each for each in (SECRET, "eyJ", "code=", "state=", "<script>") if each in caplog.text]
    assert page.world.counts[f"sign_in_{outcome}"] == 1
    assert (await page.session()).status_code == 401
    assert PENDING not in page.http.cookies  # the attempt is over


def test_the_document_names_each_reason() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "identity.md").read_text()
    told = dict[str, set[str]]()
    for outcome, reasons in re.findall(r"^\|[^|]+\| `(\w+)` \|([^|]+)\|$", page, re.M):
        told.setdefault(outcome, set()).update(each.partition(":")[0] for each in re.findall(r"`([^`]+)`", reasons))
    for _, outcome, reason in WRONG.values():
        assert reason.partition(":")[0] in told[outcome], reason


async def test_an_id_token_of_another_key_counts_nothing(page: Page, provider: Provider) -> None:
    url = await page.answered()
    provider.private = rsa()
    assert await page.back(url) == "/?sign_in=failed"


async def test_an_answer_counts_once_and_for_the_browser_that_asked(page: Page) -> None:
    url = await page.answered()
    secret = page.http.cookies[PENDING]
    for spoilt in (url.replace("state=", "state=x"), url.replace("state=", "other="), f"{url}&state=x", CALLBACK):
        assert await page.back(spoilt) == "/?sign_in=failed"
        assert page.http.cookies[PENDING] == secret  # the person's own attempt goes on
    stranger = Page(page.world, page.http._transport.app)  # type: ignore[attr-defined]
    assert await stranger.back(url) == "/?sign_in=failed"
    assert await page.back(url) == "/"
    assert await page.back(url) == "/?sign_in=failed"  # the cookie is gone
    page.http.cookies.set(PENDING, secret, path="/session/oidc")
    assert await page.back(url) == "/?sign_in=failed"  # and the code is spent


@pytest.mark.parametrize("spoilt", ["", "0", "0.short", "7.{}", "-1.{}", "0.{};preceptor_sign_in=0.x", "0.{}x"])
async def test_a_spoilt_cookie_is_no_attempt(page: Page, spoilt: str) -> None:
    url = await page.answered()
    secret = page.http.cookies[PENDING].partition(".")[2]
    page.http.cookies.clear()
    cookie = f"{PENDING}={spoilt.replace('{}', secret)}"
    answer = await page.http.get(url, headers={"cookie": cookie})
    assert answer.headers["location"] == "/?sign_in=failed"


async def test_the_issuers_name_in_the_answer_is_its_own(page: Page, provider: Provider) -> None:
    """RFC 9207: an answer of another issuer, or none where this one always names itself."""
    url = await page.answered()
    for spoilt in (url.replace("iss=http", "iss=https"), url.replace("iss=", "is="), f"{url}&iss=x"):
        secret = page.http.cookies[PENDING]
        assert await page.back(spoilt) == "/?sign_in=failed"
        page.http.cookies.set(PENDING, secret, path="/session/oidc")
    assert provider.codes  # no code was sent anywhere


async def test_an_issuer_that_never_names_itself_is_taken_without(
    world: World, tmp_path: Path, provider: Provider
) -> None:
    provider.names_itself = False
    assert await page_of(world, tmp_path, provider).sign_in() == "/"


@pytest.mark.parametrize(
    ("secret", "ways"), [(None, None), (SECRET, ["client_secret_post"]), (SECRET, ["x", "client_secret_basic"])]
)
async def test_each_kind_of_client(world: World, tmp_path: Path, provider: Provider, secret, ways) -> None:
    provider.secret, provider.ways = secret, ways
    assert await page_of(world, tmp_path, provider).sign_in() == "/"


async def test_the_access_token_is_the_session_where_it_is_for_our_audience(
    world: World, tmp_path: Path, provider: Provider
) -> None:
    page = page_of(world, tmp_path, provider, audience=AUDIENCE)
    assert await page.sign_in() == "/"
    assert (await page.session()).json()["subject"].endswith("|ada")
    page.http.cookies.clear()
    for access in ({"sub": "eve"}, {"aud": "other"}):  # whoever signed in is who asks, for us
        provider.access = access
        assert await page.sign_in() == "/?sign_in=failed"


async def test_whoever_was_revoked_is_denied(page: Page, provider: Provider) -> None:
    provider.wrong = {"jti": "gone"}
    gone = Entry(Kind.revocation, str(uuid4()), 0, "uni", "ada", {"jti": "gone"})
    await page.world.control.append([gone])
    assert await page.sign_in() == "/?sign_in=denied"


async def test_while_the_log_cannot_be_read_nobody_is_signed_in(page: Page) -> None:
    url = await page.answered()
    page.world.view._clock = lambda: 1e9
    assert await page.back(url) == "/?sign_in=unavailable"


async def test_over_their_limit_nobody_is_signed_in(make_world, tmp_path: Path, provider: Provider) -> None:
    page = page_of(await make_world(Limits(requests_per_minute=1)), tmp_path, provider)
    assert await page.sign_in() == "/"
    page.http.cookies.clear()
    assert await page.sign_in() == "/?sign_in=unavailable"


async def test_no_other_sites_page_begins_a_sign_in(page: Page) -> None:
    for fields in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        answer = await page.http.get("/session/oidc", headers=fields)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")
