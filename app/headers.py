"""Security headers on every response, a stream's too: pure ASGI, which changes the head and holds nothing back.

No CORS header is among them: leave to read is app/cors.py's to give, and to named origins alone (Fetch, section 3.2).
"""

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}
HSTS = {"strict-transport-security": "max-age=31536000"}
"""A year, as RFC 6797, section 6.1.1 has it; only where TLS stands in front, for it binds the whole host."""


def fixed(*, behind_tls: bool) -> dict[str, str]:
    """The fields of every response."""
    return ALWAYS | HSTS if behind_tls else ALWAYS


@dataclass(frozen=True, slots=True)
class SecurityHeaders:
    """Adds `fields` to each response that does not set them itself, and drops what names the server."""

    app: ASGIApp
    fields: dict[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI 3 has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.fields.items():
                    headers.setdefault(name, value)
                del headers["server"]
            await send(message)

        await self.app(scope, receive, sent)
