"""The policy file as a typed, digested object: which category leads to which action, from which score on."""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from guards.errors import GuardFault, PolicyError
from guards.verdict import Action, Stage

_SHUT = ConfigDict(extra="forbid", frozen=True)


class Category(BaseModel):
    """One kind of text, the clause of the terms behind it, and what is done about it."""

    model_config = _SHUT

    clause: str = Field(min_length=1)
    attack: tuple[str, ...] = ()
    cwe: tuple[str, ...] = ()
    action: Action
    threshold: float = Field(gt=0, le=1)
    teach_threshold: float | None = Field(None, gt=0, le=1)
    answer_threshold: float = Field(gt=0, le=1)
    lesson: str | None = None
    unlocks: bool = True
    high_risk: bool = False
    offer: str = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.teach_threshold is not None and not (
            self.action is Action.REFUSE and self.teach_threshold < self.threshold
        ):
            raise ValueError(f"teach_threshold: expected below the threshold {self.threshold} of a REFUSE category")
        if self.answer_threshold < self.threshold:
            raise ValueError(f"answer_threshold: expected at least the threshold {self.threshold}")
        if (self.action is Action.TEACH or self.teach_threshold is not None) and self.lesson is None:
            raise ValueError("lesson: expected the one that comes first, got none")
        return self

    def reached(self, score: float, stage: Stage) -> bool:
        """Whether a score leads to the category's own action at this stage."""
        return score >= (self.threshold if stage is Stage.PROMPT else self.answer_threshold)

    def decide(self, score: float, stage: Stage) -> Action:
        """The action for a score. Between the two thresholds of a question there is doubt, and doubt is a lesson."""
        if self.reached(score, stage):
            return self.action
        if stage is Stage.PROMPT and self.teach_threshold is not None and score >= self.teach_threshold:
            return Action.TEACH
        return Action.ALLOW


class Conversation(BaseModel):
    """How harm adds up over turns: only the excess over `floor`, each turn weighing `decay` of the next one."""

    model_config = _SHUT

    floor: float = Field(ge=0, lt=1)
    decay: float = Field(gt=0, lt=1)


class Thresholds(BaseModel):
    """The numbers of a category that may be changed while the graph runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    threshold: float | None = None
    teach_threshold: float | None = None
    answer_threshold: float | None = None


class Overrides(BaseModel):
    """A partial change of the policy, by category."""

    model_config = _SHUT

    thresholds: dict[str, Thresholds] = {}


class Policy(BaseModel):
    """Every category the guard may name.

    `file_digest` is the SHA-256 of the file as read; `digest` is the same, or with overrides that of both together.
    Records cite `digest`.
    """

    model_config = _SHUT

    version: str
    budget: float = Field(gt=0, lt=1)
    canaries: tuple[str, ...]
    reads: tuple[str, ...] = Field(min_length=1)
    leak_words: int = Field(ge=4)
    conversation: Conversation
    topics: dict[str, tuple[str, ...]]
    categories: dict[str, Category] = Field(min_length=1)
    file_digest: str
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
            digest = hashlib.sha256(raw).hexdigest()
            return cls(**yaml.safe_load(raw), file_digest=digest, digest=digest)
        except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
            raise PolicyError(f"expected a policy file, got: {error}") from error

    def overridden(self, changes: Mapping[str, Any] | None) -> Self:
        """The file's policy with other thresholds: `{"thresholds": {"override": {"threshold": 0.8}}}`.

        Raises PolicyError with the reason; actions, lessons and clauses cannot be changed. No change at all gives
        the file's own digest.
        """
        try:
            asked = Overrides.model_validate(changes or {}).thresholds
            categories, differing = dict(self.categories), {}
            for name, numbers in asked.items():
                if name not in categories:
                    raise PolicyError(f"thresholds: expected one of {sorted(categories)}, got {name[:64]!r}")
                old = categories[name]
                new = {key: value for key, value in numbers if value is not None and value != getattr(old, key)}
                if new:
                    categories[name] = Category.model_validate(old.model_dump() | new)
                    differing[name] = new
        except ValidationError as error:
            raise PolicyError(f"expected thresholds, got: {error}") from error
        said = json.dumps({"policy": self.file_digest, "thresholds": differing}, sort_keys=True)
        digest = hashlib.sha256(said.encode()).hexdigest() if differing else self.file_digest
        return self.model_copy(update={"categories": categories, "digest": digest})

    def category(self, name: str) -> Category:
        """The category of this name. An unknown one is a fault: a verdict that nobody understands lets nothing out."""
        try:
            return self.categories[name]
        except KeyError:
            raise GuardFault(f"expected a category of policy {self.version}, got {name!r}") from None

    def unlocked(self, name: str, passes: frozenset[str]) -> bool:
        """Whether a passed lesson opens this category: its own, or another that the same lesson covers."""
        category = self.category(name)
        return category.unlocks and any(
            done == name or (done in self.categories and self.categories[done].lesson == category.lesson)
            for done in passes
            if category.lesson is not None
        )
