"""Signing in by the authorization code flow: what the issuer is asked, and what its answer is worth. No I/O.

RFC 6749, section 4.1, with PKCE (RFC 7636), the issuer's name in its answer (RFC 9207) and OpenID Connect Core 1.0,
section 3.1.
"""

import base64
import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from app.identity.oidc import is_same

MAX_CODE_CHARS = 4096
AWAY = frozenset({"server_error", "temporarily_unavailable"})  # RFC 6749, section 4.1.2.1

Query = Sequence[tuple[str, str]]


class Outcome(StrEnum):
    """What the page tells of a sign-in that came to nothing."""

    DENIED = "denied"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


class NoSignIn(Exception):
    """Nobody was signed in. `reason` is a word of ours for the Gateway's log, never what somebody sent."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in on its way: a secret that one browser holds, and three values that follow from it and the issuer.

    Each is an HMAC of its own name, so that the state and the nonce, which others see, tell nothing of the verifier.
    """

    issuer: str
    secret: str

    @classmethod
    def begin(cls, issuer: str) -> "Attempt":
        """A new one, of 256 random bits."""
        return cls(issuer, secrets.token_urlsafe(32))

    @property
    def state(self) -> str:
        """Comes back with the answer: it is to this browser's own question (RFC 6749, section 10.12)."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Stands in the ID token: it was made for this attempt."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Shown when the code is redeemed: whoever overhears the code has no use for it (RFC 7636, section 4.1)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What commits to the verifier beforehand (S256)."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    def asks(self, client_id: str, scopes: Sequence[str], back: str) -> dict[str, str]:
        """Parameters of the authorization request."""
        return {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": back,
            "scope": " ".join(scopes),
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }

    def is_answered_by(self, query: Query) -> bool:
        """Whether an answer bears this attempt's state, once."""
        states = [value for name, value in query if name == "state"]
        return len(states) == 1 and is_same(states[0], self.state)

    def code(self, query: Query, *, names_issuer: bool) -> str:
        """The authorization code of an answer that bears the state; `names_issuer`: its issuer says that it always
        sends `iss`. Raises NoSignIn."""
        given = dict(query)
        if any(count > 1 for count in Counter(name for name, _ in query).values()):
            raise NoSignIn(Outcome.FAILED, "repeated_parameter")
        if not is_same(given.get("iss"), self.issuer) and ("iss" in given or names_issuer):
            raise NoSignIn(Outcome.FAILED, "issuer")
        if "error" in given:
            raise _told(given["error"])
        if not 0 < len(given.get("code", "")) <= MAX_CODE_CHARS:
            raise NoSignIn(Outcome.FAILED, "code")
        return given["code"]

    def _derived(self, name: str) -> str:
        return _base64url(hmac.digest(self.secret.encode(), f"{name} {self.issuer}".encode(), "sha256"))


def with_query(endpoint: str, asks: dict[str, str]) -> str:
    """The URL with these parameters, behind those that it has (RFC 6749, section 3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asks)}"


def _told(error: str) -> NoSignIn:
    if error == "access_denied":
        return NoSignIn(Outcome.DENIED, "access_denied")
    return NoSignIn(Outcome.UNAVAILABLE, "issuer_away") if error in AWAY else NoSignIn(Outcome.FAILED, "issuer_error")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
