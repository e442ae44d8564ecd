"""The one place where configuration is read: environment and `args:` of the Serve file become `Settings`.

Secrets never travel through here: only the folder that holds them does.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds of one request; a request over a bound is refused before the model sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: int = Field(1_000_000, gt=0)
    messages: int = Field(256, gt=0)
    requests_per_minute: int = Field(600, gt=0)
    tokens_per_minute: int = Field(200_000, gt=0)
    concurrent: int = Field(32, gt=0)
    redteam_requests_per_minute: int = Field(600, gt=0)
    redteam_tokens_per_minute: int = Field(200_000, gt=0)
    deadline_s: float = Field(120.0, gt=0)
    guard_timeout_s: float = Field(20.0, gt=0)
    append_timeout_s: float = Field(45.0, gt=0)  # a killed writer is back within it


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
    judge: Path | None = None  # folder of an instruction model that settles the guard's doubts; without it none does
    judge_gpus: float = Field(0.0, ge=0)
    limits: Limits = Limits()

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
    def guards(self) -> Path:
        """Guards that were promoted, each in a folder that bears its digest."""
        return self.models / "guards"


def from_environment(**overrides: object) -> Settings:
    """Read the PRECEPTOR_ settings of the README; arguments win. Raises pydantic's ValidationError."""
    named = {"home": "PRECEPTOR_HOME", "port": "PRECEPTOR_PORT", "mode": "PRECEPTOR_MODE",
             "log": "PRECEPTOR_LOG_URL", "exchange_logs": "PRECEPTOR_EXCHANGE_LOGS"}  # fmt: skip
    read = {field: os.environ[name] for field, name in named.items() if name in os.environ}
    given = Settings.model_validate(read | overrides)
    return given.model_copy(update={"home": given.home.absolute()})


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
