"""Signing in to the page at an issuer: there, back, and whose session begins. The flow is in code_flow.py."""

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.answer import Tutor
from app.auth import Principal
from app.door import visit_of
from app.errors import NotFound
from app.identity.code_flow import Attempt, NoSignIn, Outcome, Query
from app.identity.ways import CALLBACK, FORGET_ATTEMPT, Way, Ways, judging, remember_attempt
from app.incoming import plain_headers
from app.sessions import remember, require_same_origin

AT_A_TIME = 16
"""Codes that are redeemed at once: each keeps a connection to an issuer."""

logger = logging.getLogger("ray.serve")


def routes(tutor: Tutor, ways: Ways, counts: Counter[str], *, secure: bool) -> APIRouter:
    """`counts` gathers what came to nothing, for the log's tick records; `secure`: TLS stands in front."""
    router = APIRouter()
    _begin_route(router, ways, counts, secure)
    _finish_route(router, tutor, ways, counts, secure)

    @router.get("/session/ways", summary="How one may sign in to the page: with a key, and at which issuers")
    async def offered() -> dict[str, Any]:
        named = enumerate(way.client.name for way in ways.each)
        return {"key": True, "oidc": [{"name": name, "url": f"/session/oidc?issuer={n}"} for n, name in named]}

    return router


def _begin_route(router: APIRouter, ways: Ways, counts: Counter[str], secure: bool) -> None:
    @router.get("/session/oidc", status_code=302, summary="Go to an issuer to sign in (authorization code, PKCE)")
    async def begin(request: Request, issuer: int = 0) -> Response:
        require_same_origin(plain_headers(request))
        if not 0 <= issuer < len(ways.each):
            raise NotFound("no issuer of this number lets people sign in here")
        way = ways.each[issuer]
        attempt = Attempt.begin(way.issuer)
        try:
            url = await way.url(attempt)
        except NoSignIn as ended:
            return _turned_away(302, ended, counts)
        return _goes(302, url, remember_attempt(issuer, attempt, secure=secure))


def _finish_route(router: APIRouter, tutor: Tutor, ways: Ways, counts: Counter[str], secure: bool) -> None:
    redeeming = asyncio.Semaphore(AT_A_TIME)

    @router.get(CALLBACK, status_code=303, summary="Back from the issuer: the session begins, or the page says why not")
    async def finish(request: Request) -> Response:
        pending = ways.pending(plain_headers(request).get("cookie", ""))
        query = request.query_params.multi_items()
        if pending is None or not pending[1].is_answered_by(query):
            # The attempt stays: somebody else's answer must not end it.
            return _turned_away(303, NoSignIn(Outcome.FAILED, "state"), counts)
        try:
            if redeeming.locked():
                raise NoSignIn(Outcome.UNAVAILABLE, "overloaded")
            async with redeeming:
                key, who = await _signed_in(tutor, *pending, query)
            with judging("session"):
                await visit_of(request).admit(who)
        except NoSignIn as ended:
            return _turned_away(303, ended, counts, FORGET_ATTEMPT)
        return _goes(303, "/", FORGET_ATTEMPT, remember(key, who.expires - int(time.time()), secure=secure))


async def _signed_in(tutor: Tutor, way: Way, attempt: Attempt, query: Query) -> tuple[str, Principal]:
    """The key, judged as each of its requests will be, and whose it is; raises NoSignIn."""
    key, person = await way.token(attempt, query)
    with judging("session"):
        who = await tutor.identify({"authorization": f"Bearer {key}"})
    if (who.issuer, who.subject) != (person.issuer, person.subject):
        raise NoSignIn(Outcome.FAILED, "another_subject")
    return key, who


def _turned_away(status: int, ended: NoSignIn, counts: Counter[str], *cookies: str) -> Response:
    about = {"event": "sign_in_ended", "code": ended.outcome.value, "reason": ended.reason}
    logger.warning("nobody was signed in: %s, %s", about["code"], about["reason"], extra=about)
    counts[f"sign_in_{ended.outcome}"] += 1
    return _goes(status, f"/?sign_in={ended.outcome}", *cookies)


def _goes(status: int, url: str, *cookies: str) -> Response:
    answer = Response(status_code=status, headers={"location": url})
    for cookie in cookies:
        answer.headers.append("set-cookie", cookie)
    return answer
