"""An issuer's endpoints for signing in: found by its configuration, asked within bounds."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx

from app.identity.code_flow import NoSignIn, Outcome
from app.identity.discovery import PLAIN, TIMEOUT_S, asking, bounded, configuration, endpoint
from app.identity.jwks import BadKeys

FRESH_S = 300.0
ASK_EVERY_S = 10.0
TOKEN_TIMEOUT_S = 5.0
MAX_TOKEN_REPLY = 64 * 1024
UNREACHED = (httpx.HTTPError, httpx.InvalidURL, OSError)  # TimeoutError is an OSError

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where people and codes go; `names_issuer`: its answers always bear `iss` (RFC 9207, section 3)."""

    authorization: str
    token: str
    names_issuer: bool
    takes_basic: bool  # the client's secret in a header (RFC 6749, section 2.3.1), else among the parameters

    @classmethod
    def of(cls, said: dict[str, Any]) -> "Endpoints":
        """Out of the issuer's configuration (OpenID Connect Discovery 1.0, section 3); raises BadKeys."""
        ways = said.get("token_endpoint_auth_methods_supported")
        basic = not isinstance(ways, list) or "client_secret_basic" in ways or "client_secret_post" not in ways
        named = said.get("authorization_response_iss_parameter_supported") is True
        return cls(endpoint(said, "authorization_endpoint"), endpoint(said, "token_endpoint"), named, basic)


@dataclass(slots=True)
class Directory:
    """The endpoints of one issuer as last seen. Asks anew after FRESH_S, once for all who wait; while the issuer is
    silent the last ones go on, and it is tried again after ASK_EVERY_S."""

    issuer: str
    timeout_s: float = TIMEOUT_S
    clock: Callable[[], float] = time.monotonic
    _found: Endpoints | None = None
    _again_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def endpoints(self) -> Endpoints:
        """Raises NoSignIn where none were ever found."""
        async with self._lock:
            if self.clock() >= self._again_at:
                await self._ask()
        if self._found is None:
            raise NoSignIn(Outcome.UNAVAILABLE, "issuer_silent")
        return self._found

    async def _ask(self) -> None:
        try:
            async with asking(self.issuer, self.timeout_s) as client:
                self._found = Endpoints.of(await configuration(client, self.issuer))
            self._again_at = self.clock() + FRESH_S
        except (BadKeys, *UNREACHED) as error:
            self._again_at = self.clock() + ASK_EVERY_S
            about = {"event": "issuer_silent", "issuer": self.issuer, "error": type(error).__name__}
            logger.warning("the endpoints of %s could not be had: %s", self.issuer, about["error"], extra=about)


def credentials(client_id: str, secret: str | None, *, basic: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Who the client is: header fields and parameters (RFC 6749, section 2.3.1). Without a secret its name alone."""
    if secret is None:
        return {}, {"client_id": client_id}
    if not basic:
        return {}, {"client_id": client_id, "client_secret": secret}
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}, {}


async def redeem(
    url: str, headers: dict[str, str], form: dict[str, str], timeout_s: float = TOKEN_TIMEOUT_S
) -> dict[str, Any]:
    """The token reply to a form (RFC 6749, section 5.1); raises NoSignIn for everything else."""
    try:
        async with (
            asking(url, timeout_s) as client,
            client.stream("POST", url, data=form, headers=PLAIN | headers, follow_redirects=False) as answer,
        ):
            status, raw = answer.status_code, await bounded(answer, MAX_TOKEN_REPLY)
    except UNREACHED as error:
        raise NoSignIn(Outcome.UNAVAILABLE, "issuer_silent") from error
    except BadKeys as error:
        raise NoSignIn(Outcome.FAILED, "token_reply_too_large") from error
    if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
        raise NoSignIn(Outcome.UNAVAILABLE, "issuer_away")
    if status != httpx.codes.OK:
        raise NoSignIn(Outcome.FAILED, "code_refused")
    return _tokens(raw)


def _tokens(raw: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NoSignIn(Outcome.FAILED, "token_reply") from error
    if not isinstance(reply, dict) or str(reply.get("token_type")).lower() != "bearer":
        raise NoSignIn(Outcome.FAILED, "token_reply")
    return reply
