"""The one place where configuration is read: environment and `args:` of the Serve file become `Settings`.

Secrets never travel through here: only the folder that holds them does.
"""

import os
from itertools import chain
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.identity.issuers import is_origin
from deployments.engine.drivers import Driver


class TenantLimits(BaseModel):
    """What all people of one tenant may use together; None leaves it to the bounds of each person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    concurrent: int | None = Field(None, gt=0)


class Limits(BaseModel):
    """Bounds of size, number and time, each told in docs/limits.md; what is over a bound is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(1_000_000, gt=0)
    body_timeout_s: float = Field(30.0, gt=0)
    open_requests: int = Field(192, gt=0)  # of one Gateway; fewer than Serve lets it have
    messages: int = Field(256, gt=0)
    requests_per_minute: int = Field(600, gt=0)
    tokens_per_minute: int = Field(200_000, gt=0)
    concurrent: int = Field(32, gt=0)
    redteam_requests_per_minute: int = Field(600, gt=0)
    redteam_tokens_per_minute: int = Field(200_000, gt=0)
    each_tenant: TenantLimits = TenantLimits()
    tenants: dict[str, TenantLimits] = Field(default_factory=dict)  # instead of `each_tenant`, by name
    limits_timeout_s: float = Field(1.0, gt=0, le=5)
    streams: int = Field(32, gt=0)  # of the whole graph: as many as its Models take at a time
    queue: int = Field(64, ge=0)
    queue_wait_s: float = Field(30.0, gt=0)
    deadline_s: float = Field(120.0, gt=0)
    guard_timeout_s: float = Field(20.0, gt=0)
    consult_timeout_s: float = Field(2.0, gt=0)  # after it the model answers without the knowledge base
    append_timeout_s: float = Field(45.0, gt=0)  # a killed writer is back within it

    @property
    def lease_s(self) -> float:
        """How long the place of a Gateway that died stays taken: no request of a living one takes longer."""
        waits = self.body_timeout_s + self.queue_wait_s + self.consult_timeout_s
        return waits + 2 * self.guard_timeout_s + self.deadline_s + self.append_timeout_s  # the guard may look twice


class Settings(BaseModel):
    """Everything that the graph is told; the defaults run on a laptop."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Path("var")
    port: int = Field(8000, gt=0, lt=65536)
    host: str = "127.0.0.1"
    mode: Literal["laptop", "production"] = "laptop"
    delivery: Literal["windows", "strict"] = "windows"
    exchange_logs: int = Field(1, gt=0, le=64)
    log: str | None = None  # an object store's URL; without it the log lies in `home`
    commit_interval_ms: int = Field(20, ge=0)  # 100 suits an object store
    model: str = "smollm2-135m-instruct"
    engine: Driver = "auto"  # what computes the answers: docs/performance.md
    packs: Path | None = None  # folder of knowledge packs, `packs` in `home` without it: docs/knowledge-pack.md
    refresh: bool = True  # whether a laptop that starts without a knowledge pack has one made
    judge: Path | None = None  # folder of an instruction model that settles the guard's doubts; without it none does
    judge_gpus: float = Field(0.0, ge=0)
    signoff_key: Path | None = None  # public key whose signatures count: docs/policy.md; production needs one
    issuers: Path | None = None  # whose identities count besides our own keys: docs/identity.md
    tenants: dict[str, list[int]] = Field(default_factory=dict)  # exchange logs of a tenant's own, by number
    confinement_probes: tuple[str, ...] = ()  # what the Model must not reach besides `egress.OUTSIDE`: docs/sandbox.md
    otlp: str | None = None  # where traces go, e.g. http://collector:4318/v1/traces; without it nothing is traced
    gateways: int = Field(1, gt=0)  # replicas of the Gateway; more than one share their limits in `redis`
    redis: Path | None = None  # file that holds Redis' URL, which may hold a password: docs/limits.md
    behind_tls: bool = False  # browsers are told to come by TLS alone: only where it stands in front
    embed_origins: tuple[str, ...] = ()  # pages that may hold the chat: docs/api.md
    limits: Limits = Limits()

    @field_validator("embed_origins", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return [each.strip() for each in given.split(",") if each.strip()] if isinstance(given, str) else given

    @field_validator("embed_origins")
    @classmethod
    def _exact(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not is_origin(origin):
                raise ValueError(f"expected origins such as https://lms.example.org, came {origin[:200]!r}")
        return origins

    @model_validator(mode="after")
    def _tenants_stay_apart(self) -> Self:
        owned = list(chain.from_iterable(self.tenants.values()))
        if not all(self.tenants.values()) or not set(owned) <= set(range(self.exchange_logs)):
            raise ValueError(f"tenants: expected logs of 0 to {self.exchange_logs - 1} for each, came {self.tenants}")
        if len(set(owned)) < len(owned) or len(owned) == self.exchange_logs:
            raise ValueError(f"tenants: expected no log twice, and one left for all others, came {self.tenants}")
        return self

    @property
    def audit(self) -> Path | str:
        """Root of all logs: a folder, or an object store's URL."""
        return self.log or self.home / "audit"

    @property
    def vkey(self) -> Path:
        """The verifier key as a local file."""
        return self.home / "log.vkey" if self.log else self.home / "audit" / "log.vkey"

    @property
    def keys(self) -> Path:
        """Folder of the private keys, mode 0700."""
        return self.home / "keys"

    @property
    def models(self) -> Path:
        """Cache of converted weights."""
        return self.home / "models"

    @property
    def knowledge_packs(self) -> Path:
        """Folder of the knowledge packs."""
        return self.packs or self.home / "packs"

    @property
    def guards(self) -> Path:
        """Guards that were promoted, each in a folder that bears its digest."""
        return self.models / "guards"


def from_environment(**overrides: object) -> Settings:
    """Read the PRECEPTOR_ settings of the README; arguments win. Raises pydantic's ValidationError."""
    named = {"home": "PRECEPTOR_HOME", "port": "PRECEPTOR_PORT", "mode": "PRECEPTOR_MODE",
             "log": "PRECEPTOR_LOG_URL", "exchange_logs": "PRECEPTOR_EXCHANGE_LOGS",
             "issuers": "PRECEPTOR_ISSUERS", "otlp": "PRECEPTOR_OTLP_ENDPOINT",
             "redis": "PRECEPTOR_REDIS_URL_FILE", "signoff_key": "PRECEPTOR_SIGNOFF_KEY",
             "embed_origins": "PRECEPTOR_EMBED_ORIGINS", "packs": "PRECEPTOR_PACKS",
             "refresh": "PRECEPTOR_REFRESH", "engine": "PRECEPTOR_ENGINE"}  # fmt: skip
    read = {field: os.environ[name] for field, name in named.items() if name in os.environ}
    given = Settings.model_validate(read | overrides)
    paths = {name: getattr(given, name) for name in ("home", "issuers", "redis", "signoff_key", "packs")}
    return given.model_copy(update={name: path and path.absolute() for name, path in paths.items()})


class UnsafeEnvironment(Exception):
    """The environment would let text leave unguarded or unlogged, or let strangers in; nothing is started."""


def require_safe_environment(settings: Settings) -> None:
    """Raise UnsafeEnvironment for Ray switches that would go around the guard and the log."""
    if os.environ.get("RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING", "0").lower() not in ("", "0", "false"):
        raise UnsafeEnvironment(
            "RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING lets the model answer past guard and log; unset it"
        )
    if settings.mode == "production" and os.environ.get("RAY_AUTH_MODE") != "token":
        raise UnsafeEnvironment("production needs RAY_AUTH_MODE=token: without it replica ports unpickle for anyone")
    if settings.mode == "production" and settings.signoff_key is None:
        raise UnsafeEnvironment("production needs PRECEPTOR_SIGNOFF_KEY: no policy is served that nobody signed")


def require_shared_limits(settings: Settings, replicas: int) -> None:
    """Raise UnsafeEnvironment when Gateways would each count for themselves, or are more than `gateways` says."""
    if settings.gateways > 1 and settings.redis is None:
        raise UnsafeEnvironment(
            f"gateways: {settings.gateways} share their limits in Redis, which PRECEPTOR_REDIS_URL_FILE has to name; "
            "each would count for itself"
        )
    if replicas > settings.gateways:
        raise UnsafeEnvironment(
            f"num_replicas of the Gateway is {replicas}, its argument `gateways` {settings.gateways}: make them equal"
        )
