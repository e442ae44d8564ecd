"""What a request may bring: headers without the ones that steer Ray's proxy, and a body of bounded size."""

from fastapi import Request

from app.errors import BadRequest, TooLarge

# Ray's proxy acts on these before our code runs; a client has no business with them.
RESERVED_HEADERS = frozenset({"x-request-timeout-seconds", "x-request-disconnect-disabled", "x-session-id"})
RESERVED_PREFIXES = ("x-serve-", "serve-multiplexed-model-id")


def plain_headers(request: Request) -> dict[str, str]:
    """Headers by lower-case name; raises BadRequest for those that steer Ray's proxy."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name in headers:
        dashed = name.replace("_", "-")
        if dashed in RESERVED_HEADERS or dashed.startswith(RESERVED_PREFIXES):
            raise BadRequest(f"header {name} is not accepted: it would steer the server", code="header_not_allowed")
    return headers


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never more than `limit` bytes of it; raises TooLarge."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(f"expected at most {limit} bytes, came more")
    return bytes(body)
