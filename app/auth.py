"""Keys are EdDSA JWTs of our own issuer (RFC 8037). A key proves identity; what it may do follows from its role."""

import os
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.errors import NotAuthenticated

ISSUER = "preceptor"
KEY_FILE = "token.key"


class Role(StrEnum):
    """The five roles."""

    LEARNER = "learner"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    REDTEAM = "redteam"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: identity and role as our issuer states them."""

    subject: str
    tenant: str
    role: Role
    jti: str
    expires: int


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
        now = int(time.time())
        who = Principal(subject, tenant, role, secrets.token_hex(8), now + ttl_s)
        claims = {"iss": ISSUER, "sub": subject, "tenant": tenant, "role": role.value, "jti": who.jti}
        return jwt.encode(claims | {"iat": now, "exp": who.expires}, self._private, algorithm="EdDSA"), who

    def read(self, token: str) -> Principal:
        """The principal of a key; raises NotAuthenticated for anything but a valid, unexpired key of ours."""
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=["EdDSA"],
                issuer=ISSUER,
                options={"require": ["iss", "sub", "exp", "jti", "tenant", "role"]},
            )
            return Principal(
                str(claims["sub"]),
                str(claims["tenant"]),
                Role(claims["role"]),
                str(claims["jti"]),
                int(claims["exp"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise NotAuthenticated("this key has expired; ask for a new one", code="expired_api_key") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise NotAuthenticated("expected a valid key in `Authorization: Bearer`; this one is not") from error


def bearer(headers: dict[str, str]) -> str:
    """The key out of `Authorization: Bearer` or Azure's `api-key` header; raises NotAuthenticated without one."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else headers.get("api-key", "").strip()
    if not token:
        raise NotAuthenticated("expected a key in `Authorization: Bearer`, came none")
    return token
