"""Leave for the pages of named origins to call the tutor with a key of their own (Fetch, section 3.2): pure ASGI.

Exact origins, never `*` and never credentials: a cookie is nobody's there. What comes from elsewhere, or for a route
that is not offered elsewhere, passes without a word of leave.
"""

from collections.abc import Collection, Sequence
from re import Pattern

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.contract.routes import elsewhere

MAX_AGE_S = 600
PREFLIGHT_VARIES = "Origin, Access-Control-Request-Method"
PREFLIGHT = {"access-control-allow-headers": "authorization, content-type", "access-control-max-age": str(MAX_AGE_S)}
SHOWN = "retry-after, x-preceptor-request-id, date"
"""Response fields that a script there may read, besides those that every script may."""


class Cors:
    """Answers preflights without a key, and marks answers to `origins`."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._offered: Sequence[tuple[Pattern[str], str]] = [(compile_path(path)[0], way) for path, way in elsewhere()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI 3 has it."""
        methods = self._methods(scope["path"]) if scope["type"] == "http" else []
        if not methods:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if origin not in self._origins:
            await self._app(scope, receive, _varying(send))
        elif scope["method"] == "OPTIONS" and headers.get("access-control-request-method") in methods:
            await _leave(origin, methods)(scope, receive, send)
        else:
            await self._app(scope, receive, _varying(send, origin))

    def _methods(self, path: str) -> list[str]:
        return sorted({method for shape, method in self._offered if shape.match(path)})


def _leave(origin: str, methods: Sequence[str]) -> Response:
    told = {"access-control-allow-origin": origin, "access-control-allow-methods": ", ".join(methods)}
    return Response(status_code=204, headers=told | PREFLIGHT | {"vary": PREFLIGHT_VARIES})


def _varying(send: Send, origin: str | None = None) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Origin")
            if origin:
                headers["access-control-allow-origin"] = origin
                headers["access-control-expose-headers"] = SHOWN
        await send(message)

    return sent
