"""Whose word is taken, and for what: the file that PRECEPTOR_ISSUERS names. Tenant and role come from here alone."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from app.auth import GOLD, ISSUER, SEPARATOR, Role

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Asymmetric ones alone (RFC 7518, RFC 8037): a shared secret or `none` proves no issuer."""

KEY_FILE_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
"""A file in the folder of the private keys: a name, never a path."""

ORIGIN = re.compile(
    r"(?P<scheme>https?)://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)
SCOPE = r"^[\x21\x23-\x5B\x5D-\x7E]+$"  # RFC 6749, appendix A.4


def _somebodys(tenant: str) -> str:
    if tenant == GOLD:
        raise ValueError(f"expected a tenant other than {GOLD!r}, whose records every reviewer sees")
    return tenant


Tenant = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_somebodys)]


class SignInBy(BaseModel):
    """How people sign in to the page at an issuer: as its client, by the authorization code flow with PKCE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=60)  # on the button
    secret_file: str | None = Field(None, pattern=KEY_FILE_NAME)  # without one: a public client
    scopes: tuple[Annotated[str, Field(pattern=SCOPE)], ...] = ("openid",)

    @field_validator("scopes")
    @classmethod
    def _asks_who(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:  # OpenID Connect Core 1.0, section 3.1.2.1
            raise ValueError(f"expected openid among the scopes, came {scopes}")
        return scopes


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
    sign_in: SignInBy | None = None  # without it tokens count, but the page has no button

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

    secret_file: str = Field(pattern=KEY_FILE_NAME)
    key_subject: str = Field(min_length=1, max_length=256)
    tenant: Tenant


class Trusted(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuers: tuple[Issuer, ...] = ()
    openwebui: WebUi | None = None
    public_url: str | None = None  # the tutor's own origin, to which issuers send people back

    @field_validator("public_url")
    @classmethod
    def _origin(cls, url: str | None) -> str | None:
        if url is not None and not is_origin(url):
            raise ValueError(f"expected an https origin (http for loopback alone), came {url[:200]!r}")
        return url

    @model_validator(mode="after")
    def _comes_back(self) -> Self:
        if self.public_url is None and any(each.sign_in for each in self.issuers):
            raise ValueError("expected public_url beside sign_in: issuers send people back to it")
        return self

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


def is_origin(text: str) -> bool:
    """A safe URL of scheme, host and port alone, written as browsers write the Origin field (RFC 6454, section 6.2)."""
    match = ORIGIN.fullmatch(text)
    return match is not None and is_safe_url(text) and match["port"] != {"https": "443", "http": "80"}[match["scheme"]]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
