"""The policy file as a typed, digested object: which category leads to which action, from which score on."""

import hashlib
import re
from importlib import resources
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from guards.errors import GuardFault, PolicyError
from guards.verdict import Action, Stage


class Category(BaseModel):
    """One kind of text, the clause of the terms behind it, and what is done about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clause: str = Field(min_length=1)
    attack: tuple[str, ...] = ()
    cwe: tuple[str, ...] = ()
    action: Action
    threshold: float = Field(gt=0, le=1)
    answer_threshold: float = Field(gt=0, le=1)
    lesson: str | None = None

    def reached(self, score: float, stage: Stage) -> bool:
        """Whether a score leads to the action at this stage."""
        return score >= (self.threshold if stage is Stage.PROMPT else self.answer_threshold)


class Policy(BaseModel):
    """Every category the guard may name. `digest` is the SHA-256 of the file as read; records cite it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    canaries: tuple[str, ...]
    categories: dict[str, Category] = Field(min_length=1)
    digest: str

    @field_validator("canaries")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"canary {pattern!r} is no regular expression: {error}") from error
        return patterns

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read a policy file, by default the shipped one. Raises PolicyError."""
        try:
            raw = path.read_bytes() if path else resources.files("guards").joinpath("policy.yaml").read_bytes()
            return cls(**yaml.safe_load(raw), digest=hashlib.sha256(raw).hexdigest())
        except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
            raise PolicyError(f"expected a policy file, got: {error}") from error

    def category(self, name: str) -> Category:
        """The category of this name. An unknown one is a fault: a verdict that nobody understands lets nothing out."""
        try:
            return self.categories[name]
        except KeyError:
            raise GuardFault(f"expected a category of policy {self.version}, got {name!r}") from None

    def unlocked(self, name: str, passes: frozenset[str]) -> bool:
        """Whether a passed lesson opens this category: its own, or another that the same lesson covers."""
        lesson = self.category(name).lesson
        return lesson is not None and any(
            done == name or (done in self.categories and self.categories[done].lesson == lesson) for done in passes
        )
