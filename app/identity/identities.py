"""Everybody whose word about an identity is taken: our own keys, foreign issuers, and a signed user header."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import jwt

from app.auth import Principal, TokenKey, bearer, refusing
from app.errors import Fault, NotAuthenticated
from app.identity.discovery import KeySource
from app.identity.issuers import Trusted
from app.identity.keyset import KeySet
from app.identity.oidc import Oidc
from app.identity.openwebui import HEADER, SignedUser
from app.settings import Settings

logger = logging.getLogger("ray.serve")


@contextmanager
def reported() -> Iterator[None]:
    """A line of the Gateway's log for everybody who is not let in: what kind of wrong it was, and nothing they sent."""
    try:
        yield
    except (NotAuthenticated, Fault) as error:
        about = {"event": "identity_refused", "code": error.code, "error": type(error.__cause__ or error).__name__}
        logger.warning("identity refused: %s, %s", error.code, about["error"], extra=about)
        raise


@dataclass(frozen=True, slots=True)
class Identities:
    """Who asks, from the headers of a request. Knows nothing of revocations: those are records."""

    own: TokenKey
    foreign: Mapping[str, Oidc] = field(default_factory=dict)
    webui: SignedUser | None = None

    @classmethod
    def load(cls, settings: Settings) -> "Identities":
        """As configured; raises OSError, TypeError or ValueError that say what to mend, and then nothing is served."""
        own = TokenKey.load(settings.keys)
        if settings.issuers is None:
            return cls(own)
        trusted = Trusted.load(settings.issuers)
        foreign = {each.issuer: Oidc(each, KeySet(each.issuer, KeySource(each))) for each in trusted.issuers}
        webui = SignedUser.load(trusted.openwebui, settings.keys) if trusted.openwebui else None
        return cls(own, foreign, webui)

    async def read(self, headers: Mapping[str, str]) -> tuple[Principal, ...]:
        """Whose key it is and, behind a service, for whom it asks: the last is who asks, and all must stand.

        Raises NotAuthenticated, or Fault while an issuer's keys cannot be had.
        """
        who = await self._holder(bearer(headers))
        signed = headers.get(HEADER)
        if signed is None:
            return (who,)
        if self.webui is None:
            raise NotAuthenticated(f"{HEADER}: expected none, because no Open WebUI is configured")
        return who, self.webui.user(who, signed)

    async def _holder(self, token: str) -> Principal:
        """The claimed issuer only chooses who judges; a claim of nobody's is judged, and refused, by our own key."""
        if not self.foreign:
            return self.own.read(token)
        with refusing():
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
        issuer = self.foreign.get(claimed) if isinstance(claimed, str) else None
        return await issuer.read(token) if issuer else self.own.read(token)
