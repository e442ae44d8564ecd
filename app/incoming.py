"""What a request may bring: headers without the ones that steer Ray's proxy, a valid key, a body of bounded size."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from app import sessions
from app.answer import Tutor
from app.auth import Principal
from app.door import visit_of
from app.errors import BadRequest, HeadersTooLarge, NotAuthenticated, TooLarge, TooSlow
from app.settings import Limits

# Ray's proxy acts on these before our code runs; a client has no business with them.
RESERVED_HEADERS = frozenset({"x-request-timeout-seconds", "x-request-disconnect-disabled", "x-session-id"})
RESERVED_PREFIXES = ("x-serve-", "serve-multiplexed-model-id")
HEADER_FIELDS = 100
HEADER_BYTES = 32_768  # two keys of the greatest length, and as much again


def plain_headers(request: Request) -> dict[str, str]:
    """Headers by lower-case name; raises HeadersTooLarge, and BadRequest for those that steer Ray's proxy."""
    raw = request.headers.raw
    if len(raw) > HEADER_FIELDS or sum(len(name) + len(value) for name, value in raw) > HEADER_BYTES:
        raise HeadersTooLarge(f"expected at most {HEADER_FIELDS} header fields and {HEADER_BYTES} bytes of them")
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name in headers:
        dashed = name.replace("_", "-")
        if dashed in RESERVED_HEADERS or dashed.startswith(RESERVED_PREFIXES):
            raise BadRequest(f"header {name} is not accepted: it would steer the server", code="header_not_allowed")
    return headers


async def enter(tutor: Tutor, request: Request) -> Principal:
    """Who asks, by a key or by the page's session, before anything of a body is read; raises PreceptorError."""
    headers = plain_headers(request)
    known = sessions.recognised(request.method, headers)
    try:
        who = await tutor.identify(known)
    except NotAuthenticated as error:
        if known == headers:
            raise
        raise sessions.SessionEnded(error.message, code=error.code) from error
    await visit_of(request).admit(who)
    return who


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body, never more than `body_bytes` of it nor longer than `body_timeout_s`; raises TooLarge, TooSlow."""
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            async for part in request.stream():
                body += part
                if len(body) > limits.body_bytes:
                    raise TooLarge(f"expected at most {limits.body_bytes} bytes, came more")
    except TimeoutError as error:
        raise TooSlow(f"expected the whole body within {limits.body_timeout_s:g} s") from error
    except ClientDisconnect as error:
        raise BadRequest("expected a whole body, came a part of it") from error
    return bytes(body)
