"""Rules over the views: each a SELECT whose rows carry a measured value, and levels from which on that is an alert.

Columns of a row: `value`, and perhaps `about` (a request or another name), `tenant` and `subject` (a person's tag).
Beside the views there is `policy(category, action, high_risk)`. A row without a value says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from audit.errors import AuditError
from audit.monitoring.alert import Alert, Severity
from audit.monitoring.errors import BadSetup
from audit.monitoring.immediate import FORBIDDEN, HIGH_RISK

SHIPPED = Path(__file__).with_name("rules.yaml")
MAX_PPM = 2**53 - 1
EMBEDDING = "embedding_shift"
RESERVED = frozenset({HIGH_RISK, FORBIDDEN, EMBEDDING})  # rules that are no SQL
MAX_NAME = 256
_TYPED = "about::varchar as about, tenant::varchar as tenant, subject::varchar as subject, value::double as value"
_NAMES = "null::varchar as about, null::varchar as tenant, null::varchar as subject, null::double as value"


def _lasting(duration: timedelta) -> timedelta:
    if duration < timedelta(seconds=1):
        raise ValueError("expected at least one second")
    return duration


Duration = Annotated[timedelta, AfterValidator(_lasting)]


class Rule(BaseModel):
    """One rule. `every`: how often it is asked; `again`: after how long the same alert may come once more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    means: str = Field(min_length=1)
    every: Duration = timedelta(minutes=1)
    again: Duration
    levels: dict[Severity, float] = Field(min_length=1)
    sql: str = Field(min_length=1)

    def alert(self, row: Mapping[str, Any], now_s: float) -> Alert | None:
        """The alert that a row calls for; None below every level. AuditError for a row that is none."""
        value = row["value"]
        if value is None:
            return None
        reached = [severity for severity, level in self.levels.items() if value >= level]
        if not reached:
            return None
        if len(row["about"] or "") > MAX_NAME:
            raise AuditError(f"{self.name}: expected at most {MAX_NAME} characters in about, got {row['about'][:80]!r}")
        return Alert.found(
            self.name,
            max(reached, key=lambda severity: self.levels[severity]),
            about=row["about"],
            tenant=row["tenant"] or "",
            subject=row["subject"],
            value_ppm=round(min(value * 1_000_000, MAX_PPM)),
            window=int(now_s // self.again.total_seconds()),
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rules: list[Rule] = Field(min_length=1)


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file; BadSetup says what is wrong with it."""
    try:
        rules = _File.model_validate(yaml.safe_load(path.read_bytes())).rules
    except (OSError, ValueError, yaml.YAMLError, ValidationError) as error:
        raise BadSetup(f"{path}: expected rules, got {error}") from error
    names = [rule.name for rule in rules]
    if taken := {name for name in names if names.count(name) > 1} | RESERVED & set(names):
        raise BadSetup(f"{path}: expected other names than {sorted(taken)}, which stand twice or for no rule of a file")
    return rules


def joined(rules: Sequence[Rule], policy: str) -> str:
    """One SELECT for all rules, so that the log is opened once: `rule` and the columns above. `policy` is its table."""
    asked = [f"select '{rule.name}' as rule, * from (\n{rule.sql.strip().rstrip(';')}\n)" for rule in rules]  # noqa: S608
    rows = "\nunion all by name\n".join([f"select null::varchar as rule, {_NAMES} where false", *asked])
    return f"with {policy} select rule, {_TYPED} from (\n{rows}\n)"  # noqa: S608 - run in the sandbox
