"""Open WebUI asks for all its users with one key of ours; a header that it signs (HS256) says for whom.

The plain X-OpenWebUI-User-* headers prove nothing and are never read.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from app.auth import ISSUER, MAX_TOKEN_CHARS, Principal, Role, refusing, scoped
from app.errors import NotAuthenticated
from app.identity.issuers import WebUi
from app.identity.secret_files import read_secret

HEADER = "x-openwebui-user-jwt"
NAME = "openwebui"
MAX_AGE_S = 300
LEEWAY_S = 10
MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2
MAX_USER_CHARS = 256


@dataclass(frozen=True, slots=True)
class SignedUser:
    """Reads the signed header beside the one service key that may bring it."""

    told: WebUi
    secret: bytes = field(repr=False)

    @classmethod
    def load(cls, told: WebUi, keys: Path) -> "SignedUser":
        """With the shared secret; raises FileNotFoundError, PermissionError or ValueError with the remedy."""
        return cls(told, read_secret(keys / told.secret_file, at_least=MIN_SECRET_BYTES))

    def user(self, service: Principal, signed: str) -> Principal:
        """The person for whom the service asks: a learner of the service's tenant. Raises NotAuthenticated.

        They hold no key of their own, so a revocation of the person holds until the service has a newer key.
        """
        if (service.issuer, service.subject, service.tenant) != (ISSUER, self.told.key_subject, self.told.tenant):
            raise NotAuthenticated("this key may not ask for others")
        if len(signed) > MAX_TOKEN_CHARS:
            raise NotAuthenticated(f"{HEADER}: expected at most {MAX_TOKEN_CHARS} characters, came {len(signed)}")
        with refusing():
            claims = jwt.decode(
                signed,
                self.secret,
                algorithms=["HS256"],
                leeway=LEEWAY_S,
                options={"require": ["sub", "iat", "exp"], "verify_aud": False},
            )
            subject, issued, expires = claims["sub"], int(claims["iat"]), int(claims["exp"])
        if time.time() - issued > MAX_AGE_S + LEEWAY_S:
            raise NotAuthenticated(f"{HEADER}: expected one made within {MAX_AGE_S} s", code="expired_api_key")
        if not 0 < len(subject) <= MAX_USER_CHARS or not subject.isprintable():
            raise NotAuthenticated(f"{HEADER}: expected a sub of 1 to {MAX_USER_CHARS} printable characters")
        return Principal(
            subject=scoped(NAME, subject),
            tenant=service.tenant,
            role=Role.LEARNER,
            jti=service.jti,
            expires=min(expires, service.expires),
            issuer=NAME,
            issued=service.issued,
        )
