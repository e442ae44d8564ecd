"""The issuers at which people may sign in to the page, and one attempt's way from the button to a token."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.auth import Principal
from app.errors import Fault, NotAuthenticated, RateLimited
from app.identity.code_flow import Attempt, NoSignIn, Outcome, Query, with_query
from app.identity.endpoints import Directory, credentials, redeem
from app.identity.identities import Identities
from app.identity.issuers import SignInBy, Trusted
from app.identity.oidc import Oidc
from app.identity.secret_files import read_secret
from app.sessions import COMPACT, MAX_KEY_CHARS, values_of
from app.settings import Settings

CALLBACK = "/session/oidc/callback"
PENDING = "preceptor_sign_in"
PENDING_S = 600
PENDING_ATTRIBUTES = "Path=/session/oidc; HttpOnly; SameSite=Lax"
"""Lax: the answer comes as a navigation from the issuer's site, with which no Strict cookie would go."""

FORGET_ATTEMPT = f"{PENDING}=; Max-Age=0; {PENDING_ATTRIBUTES}"
"""Value of the Set-Cookie field that ends an attempt."""

PENDING_VALUE = re.compile(r"(\d{1,3})\.([\w-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Way:
    """One issuer and us as its client."""

    oidc: Oidc
    client: SignInBy
    directory: Directory
    back: str  # our callback's URL, as it is registered there
    secret: str | None = field(default=None, repr=False)

    @property
    def issuer(self) -> str:
        """Its name."""
        return self.oidc.issuer.issuer

    async def url(self, attempt: Attempt) -> str:
        """Where the browser goes to begin; raises NoSignIn."""
        found = await self.directory.endpoints()
        return with_query(found.authorization, attempt.asks(self.client.client_id, self.client.scopes, self.back))

    async def token(self, attempt: Attempt, query: Query) -> tuple[str, Principal]:
        """What counts as this person's key from now on, and who the ID token says they are; raises NoSignIn."""
        found = await self.directory.endpoints()
        code = attempt.code(query, names_issuer=found.names_issuer)
        headers, named = credentials(self.client.client_id, self.secret, basic=found.takes_basic)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.back}
        reply = await redeem(found.token, headers, form | named | {"code_verifier": attempt.verifier})
        with judging("id_token"):
            who = await self.oidc.read_id_token(_text(reply, "id_token"), self.client.client_id, attempt.nonce)
        return self._key(reply), who

    def _key(self, reply: Mapping[str, Any]) -> str:
        """The ID token where it is for the audience that counts here, else the access token."""
        name = "id_token" if self.oidc.issuer.audience == self.client.client_id else "access_token"
        key = _text(reply, name)
        if not COMPACT.fullmatch(key):
            raise NoSignIn(Outcome.FAILED, f"{name}_is_no_jwt")
        if len(key) > MAX_KEY_CHARS:
            raise NoSignIn(Outcome.FAILED, f"{name}_too_long")
        return key


@dataclass(frozen=True, slots=True)
class Ways:
    """All of them, in the order of the file."""

    each: Sequence[Way] = ()

    @classmethod
    def load(cls, settings: Settings, identities: Identities) -> "Ways":
        """As configured, each with the keys that `identities` has of it; raises as Identities.load does."""
        if settings.issuers is None:
            return cls()
        trusted, back = Trusted.load(settings.issuers), CALLBACK
        return cls(tuple(
            Way(identities.foreign[issuer.issuer], client, Directory(issuer.issuer), f"{trusted.public_url}{back}",
                _secret(settings, client))
            for issuer in trusted.issuers if (client := issuer.sign_in)
        ))  # fmt: skip

    def pending(self, cookies: str) -> tuple[Way, Attempt] | None:
        """The attempt that this browser began, if there is one and no other beside it."""
        values = values_of(PENDING, cookies)
        match = PENDING_VALUE.fullmatch(values.pop()) if len(values) == 1 else None
        if match is None or int(match[1]) >= len(self.each):
            return None
        way = self.each[int(match[1])]
        return way, Attempt(way.issuer, match[2])


@contextmanager
def judging(what: str) -> Iterator[None]:
    """Whatever says no to a token ends the attempt: a revocation denies; a fault or a limit may pass."""
    try:
        yield
    except NotAuthenticated as error:
        outcome = Outcome.DENIED if error.code == "revoked_api_key" else Outcome.FAILED
        raise NoSignIn(outcome, f"{what}: {error.code}") from error
    except (Fault, RateLimited) as error:
        raise NoSignIn(Outcome.UNAVAILABLE, f"{what}: {error.code}") from error


def remember_attempt(number: int, attempt: Attempt, *, secure: bool) -> str:
    """Value of the Set-Cookie field that begins an attempt at the way of this number."""
    value = f"{PENDING}={number}.{attempt.secret}; Max-Age={PENDING_S}; {PENDING_ATTRIBUTES}"
    return f"{value}{'; Secure' if secure else ''}"


def _secret(settings: Settings, client: SignInBy) -> str | None:
    return client.secret_file and read_secret(settings.keys / client.secret_file).decode()


def _text(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not value:
        raise NoSignIn(Outcome.FAILED, f"no_{name}")
    return value
