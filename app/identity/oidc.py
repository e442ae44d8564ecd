"""Tokens of a foreign issuer (OpenID Connect): it proves who somebody is; tenant and role are ours to say."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import jwt

from app.auth import Principal, refusing, scoped
from app.errors import NotAuthenticated
from app.identity.issuers import Issuer
from app.identity.jwks import MAX_KID_CHARS, SigningKey
from app.identity.keyset import KeySet

LEEWAY_S = 10
MAX_SUBJECT_CHARS = 255  # OpenID Connect Core 1.0, section 2
CLAIMS = ["iss", "sub", "aud", "exp", "iat"]


@dataclass(frozen=True, slots=True)
class Oidc:
    """Reads the tokens of one issuer. Of a token's header only `alg` and `kid` are heeded, and both only to choose
    among what the issuer's own key set and our file allow (RFC 8725)."""

    issuer: Issuer
    keys: KeySet

    async def read(self, token: str) -> Principal:
        """The principal; raises NotAuthenticated, or Fault while the issuer's keys cannot be had."""
        return self._principal(token, await self._verified(token, self.issuer.audience))

    async def read_id_token(self, token: str, client_id: str, nonce: str) -> Principal:
        """Who has just signed in: a token for us as the issuer's client, made for this one attempt (OpenID Connect
        Core 1.0, section 3.1.3.7). Raises as `read` does."""
        claims = await self._verified(token, client_id)
        if not is_same(claims.get("nonce"), nonce):
            raise NotAuthenticated("expected the ID token of this attempt to sign in")
        if claims.get("azp", client_id) != client_id:
            raise NotAuthenticated("expected an ID token that was made for this client")
        return self._principal(token, claims)

    async def _verified(self, token: str, audience: str) -> dict[str, Any]:
        with refusing():
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self.issuer.algorithms or not isinstance(kid, str) or len(kid) > MAX_KID_CHARS:
            raise NotAuthenticated(f"expected a token signed by one of {', '.join(self.issuer.algorithms)}, with a kid")
        key = await self.keys.key(kid)
        if key is None or algorithm not in key.algorithms:
            raise NotAuthenticated("expected a token signed with a key that its issuer has now")
        return self._claims(token, audience, key, algorithm)

    def _claims(self, token: str, audience: str, key: SigningKey, algorithm: str) -> dict[str, Any]:
        with refusing():
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[algorithm],
                audience=audience,
                issuer=self.issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": CLAIMS},
            )
            return claims

    def _principal(self, token: str, claims: dict[str, Any]) -> Principal:
        subject = claims["sub"]
        if not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
            raise NotAuthenticated(f"expected a sub of 1 to {MAX_SUBJECT_CHARS} printable characters")
        with refusing():
            return Principal(
                subject=scoped(self.issuer.issuer, subject),
                tenant=self.issuer.tenant,
                role=self.issuer.role_of(subject),
                jti=_name(token, claims.get("jti")),
                expires=int(claims["exp"]),
                issuer=self.issuer.issuer,
                issued=int(claims["iat"]) - LEEWAY_S,  # doubt about their clock counts against the token
            )


def is_same(came: object, expected: str) -> bool:
    """Whether what came is the expected text, in a time that tells nothing of it."""
    return isinstance(came, str) and hmac.compare_digest(came.encode(errors="replace"), expected.encode())


def _name(token: str, jti: object) -> str:
    """What revokes this one token: its `jti`, or the digest of what was signed (a signature may be written twice)."""
    if isinstance(jti, str) and 0 < len(jti) <= MAX_SUBJECT_CHARS:
        return jti
    return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
