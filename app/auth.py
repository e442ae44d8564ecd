"""Keys are EdDSA JWTs of our own issuer (RFC 8037). A key proves identity; what it may do follows from its role."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.errors import NotAuthenticated

ISSUER = "preceptor"
OPERATOR = "preceptor"
"""Tenant of whoever runs the installation: the only one that sees and rules more than itself."""

GOLD = "gold"
"""Tenant of what is made for every reviewer to see: nobody's own."""

KEY_FILE = "token.key"
MAX_TOKEN_CHARS = 8192
SEPARATOR = "|"


class Role(StrEnum):
    """The five roles."""

    LEARNER = "learner"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    REDTEAM = "redteam"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: identity as an issuer proves it, tenant and role as we state them. `issued` counts for revocation;
    without it every revocation of the subject holds. Seconds since 1970."""

    subject: str
    tenant: str
    role: Role
    jti: str
    expires: int
    issuer: str = ISSUER
    issued: int = 0

    def sees(self, tenant: str | None) -> bool:
        """Whether records of this tenant may be this principal's business at all; the operator's sees every one."""
        return self.tenant in (OPERATOR, tenant)


def scoped(issuer: str, subject: str) -> str:
    """A foreign issuer's subject as Preceptor knows it: the same name from two issuers is two persons."""
    return f"{issuer}{SEPARATOR}{subject}"


@contextmanager
def refusing() -> Iterator[None]:
    """Whatever is wrong with a token raises NotAuthenticated, and never says what exactly."""
    try:
        yield
    except jwt.ExpiredSignatureError as error:
        raise NotAuthenticated("this key has expired; ask for a new one", code="expired_api_key") from error
    # a deeply nested header is a RecursionError, an infinite `exp` an OverflowError
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotAuthenticated("expected a valid key in `Authorization: Bearer`; this one is not") from error


class TokenKey:
    """The issuer's Ed25519 key: mints and reads keys."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = private.public_key()

    @classmethod
    def load(cls, keys: Path) -> "TokenKey":
        """Read `token.key` (PEM, mode 0600); raises FileNotFoundError or PermissionError with the remedy."""
        path = keys / KEY_FILE
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path}: expected mode 0600, others may read it; run chmod 600")
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, Ed25519PrivateKey):
            raise TypeError(f"{path}: expected an Ed25519 key")
        return cls(private)

    @classmethod
    def create(cls, keys: Path) -> None:
        """Write a new key unless one is there."""
        if (keys / KEY_FILE).exists():
            return
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(keys / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)

    def mint(self, subject: str, tenant: str, role: Role, ttl_s: int) -> tuple[str, Principal]:
        """A new key and the principal it names."""
        if not subject or not tenant:
            raise ValueError("expected a subject and a tenant, came an empty name")
        if SEPARATOR in subject:
            raise ValueError(f"subject: expected no {SEPARATOR!r}, which sets foreign subjects apart; came {subject!r}")
        if tenant == GOLD:
            raise ValueError(f"tenant: expected another than {GOLD!r}, whose records every reviewer sees")
        now = int(time.time())
        who = Principal(subject, tenant, role, secrets.token_hex(8), now + ttl_s, issued=now)
        claims = {"iss": ISSUER, "sub": subject, "tenant": tenant, "role": role.value, "jti": who.jti}
        return jwt.encode(claims | {"iat": now, "exp": who.expires}, self._private, algorithm="EdDSA"), who

    def read(self, token: str) -> Principal:
        """The principal of a key; raises NotAuthenticated for anything but a valid, unexpired key of ours."""
        with refusing():
            claims = jwt.decode(
                token,
                self._public,
                algorithms=["EdDSA"],
                issuer=ISSUER,
                options={"require": ["iss", "sub", "exp", "iat", "jti", "tenant", "role"]},
            )
            return Principal(
                str(claims["sub"]),
                str(claims["tenant"]),
                Role(claims["role"]),
                str(claims["jti"]),
                int(claims["exp"]),
                issued=int(claims["iat"]),
            )


def bearer(headers: Mapping[str, str]) -> str:
    """The key out of `Authorization: Bearer` or Azure's `api-key` header; raises NotAuthenticated without one."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else headers.get("api-key", "").strip()
    if not token:
        raise NotAuthenticated("expected a key in `Authorization: Bearer`, came none")
    if len(token) > MAX_TOKEN_CHARS:
        raise NotAuthenticated(f"expected a key of at most {MAX_TOKEN_CHARS} characters, came {len(token)}")
    return token
