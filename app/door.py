"""What surrounds a request: how many are open at once, the place it holds to its end, the limits in its response."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import Principal
from app.errors import Fault, PreceptorError, RateLimited
from app.limiting.limiter import Limiter

ALWAYS_OPEN = frozenset({"/healthz", "/readyz"})  # a busy Gateway is not a dead one


@dataclass(slots=True)
class Visit:
    """One request from its first byte to the end of its response."""

    limiter: Limiter
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    limits: dict[str, str] = field(default_factory=dict)  # of whoever asked, as header fields, once that is known

    async def admit(self, who: Principal) -> None:
        """Count the request and hold one of its holder's places to the end; raises RateLimited or Fault."""
        try:
            self.limits = await self.limiter.check(who)
        except RateLimited as error:
            self.limits = error.limits
            raise
        await self.stack.enter_async_context(self.limiter.place(who))


class Door:
    """ASGI middleware around all routes. `said` turns an error into its response."""

    def __init__(self, app: ASGIApp, limiter: Limiter, said: Callable[[PreceptorError], Response]) -> None:
        self._app = app
        self._limiter = limiter
        self._said = said
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS_OPEN:
            await self._app(scope, receive, send)
        elif self._open >= self._limiter.limits.open_requests:
            full = Fault("more requests are open than can be served now", code="overloaded", retry_after_s=1)
            await self._said(full)(scope, receive, send)
        else:
            await self._visit(scope, receive, send)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(self._limiter)
        scope["state"] = scope.get("state", {}) | {"visit": visit}

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(visit.limits)
            await send(message)

        self._open += 1
        try:
            async with visit.stack:
                await self._app(scope, receive, telling)
        finally:
            self._open -= 1


def visit_of(request: Request) -> Visit:
    """The visit that the door began for this request."""
    visit: Visit = request.state.visit
    return visit
