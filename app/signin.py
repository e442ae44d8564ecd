"""Signing in and out of the page, and who is signed in. Nothing is kept here: the session is the key in its cookie."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.answer import Tutor
from app.door import visit_of
from app.errors import Fault, NotAuthenticated
from app.incoming import enter, plain_headers, read_body
from app.sessions import COMPACT, FORGET, MAX_KEY_CHARS, remember, require_own_page, require_same_origin
from app.settings import Limits
from app.wire import parse_model

BODY_BYTES = 8192
BODY_TIMEOUT_S = 5.0
AT_A_TIME = 16
"""Bodies that are read before anybody is known; more would let strangers take the places of those who are."""


class SignIn(BaseModel):
    """Body of POST /session: a key of ours, or a token of an issuer that counts here."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=MAX_KEY_CHARS)


def routes(tutor: Tutor, *, secure: bool) -> APIRouter:
    """`secure`: TLS stands in front, so the cookie never goes without it."""
    router = APIRouter()
    bodies = asyncio.Semaphore(AT_A_TIME)

    @router.post("/session", status_code=204, summary="Sign in to the page: the key goes into a cookie")
    async def sign_in(request: Request) -> Response:
        require_same_origin(plain_headers(request))
        if bodies.locked():
            raise Fault("more people sign in than can be read now", code="overloaded", retry_after_s=1)
        async with bodies:
            body = await read_body(request, _small(tutor.limits))
        key = parse_model(SignIn, body).key.strip()
        if not COMPACT.fullmatch(key):
            raise NotAuthenticated("expected a valid key; this one is not")
        who = await tutor.identify({"authorization": f"Bearer {key}"})
        await visit_of(request).admit(who)
        return _cookie(remember(key, who.expires - int(time.time()), secure=secure))

    @router.delete("/session", status_code=204, summary="Sign out of the page: the cookie is cleared, the key lives on")
    async def sign_out(request: Request) -> Response:
        headers = plain_headers(request)
        if "cookie" in headers:
            require_own_page(request.method, headers)
        return _cookie(FORGET)

    @router.get("/session", summary="Who is signed in, until when, and whether they have accepted the terms")
    async def session(request: Request) -> dict[str, Any]:
        who = await enter(tutor, request)
        tag = await tutor.control.tag(who.tenant, who.subject)
        terms = {"version": tutor.terms.version, "digest": tutor.terms.digest}
        accepted = await tutor.control.has_accepted(tag, tutor.terms.digest)
        told = {"subject": who.subject, "tenant": who.tenant, "role": who.role.value, "expires_at": who.expires}
        return told | {"model": tutor.name, "terms": terms | {"accepted": accepted}}

    return router


def _small(limits: Limits) -> Limits:
    bounds = {"body_bytes": min(limits.body_bytes, BODY_BYTES)}
    return limits.model_copy(update=bounds | {"body_timeout_s": min(limits.body_timeout_s, BODY_TIMEOUT_S)})


def _cookie(value: str) -> Response:
    return Response(status_code=204, headers={"set-cookie": value})
