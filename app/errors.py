"""Everything a caller can be told no with, as OpenAI clients read it.

PreceptorError
├── BadRequest            400, 408, 413, 431: the request itself
├── NotAuthenticated      401: no key, or not a valid one
├── NotAllowed            403: terms, role, owner
├── NotFound              404
├── Taken                 409: somebody else was quicker
├── RateLimited           429, with Retry-After
├── Refused               400 content_filter: the guard said no
└── Fault                 503, with Retry-After: a check or the log could not run; never the user's doing
"""

from collections.abc import Sequence
from typing import Any


class PreceptorError(Exception):
    """Root. `status` is the HTTP status; `code`, `param` and `type` go into the OpenAI error body."""

    status = 500
    type = "server_error"
    code = "internal_error"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.param = param
        self.retry_after_s = retry_after_s
        self.preceptor: dict[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """`{"error": {...}}`; `detail` repeats the message for clients that look there."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        if self.preceptor is not None:
            error["preceptor"] = self.preceptor
        return {"error": error, "detail": self.message}

    def headers(self) -> dict[str, str]:
        """Retry-After where waiting helps."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}


class BadRequest(PreceptorError):
    """The request breaks the schema or a bound; says what was expected and what came."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class TooLarge(BadRequest):
    """The body is over the byte limit."""

    status = 413
    code = "request_too_large"


class TooSlow(BadRequest):
    """The body did not come in time; its rest may still come, so the connection ends (RFC 9110, section 15.5.9)."""

    status = 408
    code = "request_timeout"

    def headers(self) -> dict[str, str]:
        """With `Connection: close`."""
        return super().headers() | {"connection": "close"}


class HeadersTooLarge(BadRequest):
    """The header fields are too many or too long (RFC 6585, section 5)."""

    status = 431
    code = "headers_too_large"


class NotAuthenticated(PreceptorError):
    """The key is missing, malformed, expired or revoked."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"

    def headers(self) -> dict[str, str]:
        """With how to prove oneself (RFC 9110, section 11.6.1)."""
        return super().headers() | {"www-authenticate": "Bearer"}


class NotAllowed(PreceptorError):
    """The principal is known, but may not do this."""

    status = 403
    type = "invalid_request_error"
    code = "not_allowed"


class NotFound(PreceptorError):
    """There is no such thing, or it is not yours."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class Taken(PreceptorError):
    """What was asked for is in another's hands, or has changed since it was read."""

    status = 409
    type = "invalid_request_error"
    code = "taken"


class MethodNotAllowed(PreceptorError):
    """The route exists, the method does not."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = allowed

    def headers(self) -> dict[str, str]:
        """With the methods that are offered (RFC 9110, section 15.5.6)."""
        return super().headers() | {"allow": ", ".join(self.allowed)}


class RateLimited(PreceptorError):
    """Over a limit of requests, tokens or concurrency."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after_s: int, limits: dict[str, str] | None = None) -> None:
        """`limits` are the header fields that tell what is left."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.limits = limits or {}


class Refused(PreceptorError):
    """The guard refuses the prompt; a judgement, not a fault."""

    status = 400
    type = "invalid_request_error"
    code = "content_filter"

    def __init__(self, message: str, preceptor: dict[str, Any]) -> None:
        super().__init__(message, param="messages")
        self.preceptor = preceptor


class Fault(PreceptorError):
    """Something of ours could not do its part (cause=fault); nothing unchecked or unlogged leaves."""

    status = 503
    type = "server_error"
    code = "service_unavailable"

    def __init__(self, message: str, *, code: str, retry_after_s: int = 5) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)
        self.preceptor = {"cause": "fault"}
