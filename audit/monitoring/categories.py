"""What the monitor has to know of the policy file: which categories there are, and which are of high risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ValidationError

from audit.errors import AuditError
from audit.monitoring.errors import BadSetup


class Category(BaseModel):
    """The two keys of a category that matter here; the guard knows the others."""

    action: Literal["ALLOW", "TEACH", "REFUSE", "REDACT"]
    high_risk: bool = False


class _File(BaseModel):
    categories: dict[str, Category]


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories by name."""

    named: Mapping[str, Category]

    @classmethod
    def read(cls, path: Path) -> Categories:
        """Those of a policy file; BadSetup."""
        try:
            return cls(_File.model_validate(yaml.safe_load(path.read_bytes())).categories)
        except (OSError, ValueError, yaml.YAMLError, ValidationError) as error:
            raise BadSetup(f"{path}: expected a policy with categories, got {error}") from error

    def is_high_risk(self, name: str | None) -> bool:
        """Whether each refusal in this category is an alert."""
        category = self.named.get(name or "")
        return category is not None and category.high_risk

    def is_redacted(self, name: str | None) -> bool:
        """Whether this category is about what is taken out of a text, not about what the text teaches."""
        category = self.named.get(name or "")
        return category is not None and category.action == "REDACT"

    def as_table(self) -> str:
        """`policy(category, action, high_risk)` for SQL, as a common table expression without WITH."""
        if not self.named:
            raise AuditError("policy: expected at least one category, got none")
        rows = ", ".join(f"({_quoted(name)}, '{one.action}', {one.high_risk})" for name, one in self.named.items())
        return f"policy(category, action, high_risk) as (values {rows})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
