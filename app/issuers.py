"""Whose word is taken, and for what: the file that PRECEPTOR_ISSUERS names. Tenant and role come from here alone."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from app.auth import GOLD, ISSUER, SEPARATOR, Role

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Asymmetric ones alone (RFC 7518, RFC 8037): a shared secret or `none` proves no issuer."""


def _somebodys(tenant: str) -> str:
    if tenant == GOLD:
        raise ValueError(f"expected a tenant other than {GOLD!r}, whose records every reviewer sees")
    return tenant


Tenant = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_somebodys)]


class Issuer(BaseModel):
    """An OpenID Connect issuer. Without `jwks_url` its keys are found by OpenID Connect Discovery 1.0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(max_length=200)
    audience: str = Field(min_length=1, max_length=200)
    tenant: Tenant
    jwks_url: str | None = None
    algorithms: tuple[Algorithm, ...] = Field(("RS256",), min_length=1)
    role: Role = Role.LEARNER
    roles: dict[str, Role] = Field(default_factory=dict)

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _safe(cls, url: str | None) -> str | None:
        if url is not None and not is_safe_url(url):
            raise ValueError(f"expected an https URL (http for loopback alone), came {url[:200]!r}")
        return url

    def role_of(self, subject: str) -> Role:
        """What this file says of the subject, as the issuer names it."""
        return self.roles.get(subject, self.role)


class WebUi(BaseModel):
    """An Open WebUI that asks with one key of ours and signs for whom (`X-OpenWebUI-User-Jwt`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret_file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")  # a name in the folder of the private keys
    key_subject: str = Field(min_length=1, max_length=256)
    tenant: Tenant


class Trusted(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuers: tuple[Issuer, ...] = ()
    openwebui: WebUi | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [each.issuer for each in self.issuers]
        if ISSUER in names or len(set(names)) < len(names):
            raise ValueError(f"expected each issuer once, and never {ISSUER!r}, which is ours; came {names}")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Parse the YAML file; raises ValueError that names it, OSError where it cannot be read."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_bytes()) or {})
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path}: expected issuers as docs/identity.md describes them: {error}") from error


def is_safe_url(url: str) -> bool:
    """https, or http to this machine alone; no user, no fragment, nothing that could be read in two ways."""
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in f" \\{SEPARATOR}"):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.fragment or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
