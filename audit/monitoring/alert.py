"""An alert: what one rule found about one thing. Its id follows from what it says, so the same finding is one alert."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from audit.errors import BadEntry
from audit.record import Entry, Kind, canonical

Severity = Literal["info", "warning", "critical"]
ACTOR = "monitor"


@dataclass(frozen=True, slots=True)
class Alert:
    """`subject` is a person's tag as in the log; `about` a request or another name; `at_us` when it was found."""

    id: str
    rule: str
    severity: Severity
    at_us: int
    about: str | None = None
    tenant: str = ""
    subject: str | None = None
    value_ppm: int | None = None

    @classmethod
    def found(
        cls,
        rule: str,
        severity: Severity,
        *,
        about: str | None = None,
        tenant: str = "",
        subject: str | None = None,
        value_ppm: int | None = None,
        window: int | None = None,
    ) -> Self:
        """What a rule found now. Within one `window` the same finding is the same alert; None: for ever."""
        identity = canonical([rule, severity, about, tenant, subject, window]).decode()
        name = str(uuid5(NAMESPACE_URL, f"preceptor alert {identity}"))
        return cls(name, rule, severity, time.time_ns() // 1000, about, tenant, subject, value_ppm)

    @classmethod
    def recorded(cls, leaf: Mapping[str, Any]) -> Self:
        """The alert that a record of the log holds."""
        told = {name: leaf["fields"][name] for name in ("rule", "severity", "about", "value_ppm")}
        return cls(leaf["request_id"], at_us=leaf["ts"], tenant=leaf["tenant"], subject=leaf["subject"], **told)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The alert in a file of the outbox; BadEntry."""
        try:
            return TypeAdapter(cls).validate_json(data)
        except ValidationError as error:
            raise BadEntry(f"expected an alert, got {error.error_count()} faults in {len(data)} bytes") from error

    def to_bytes(self) -> bytes:
        """Canonical JSON, which `parse` reads."""
        return canonical(asdict(self))

    def entry(self) -> Entry:
        """The record of it, joined to the person's others by their tag."""
        fields = {name: getattr(self, name) for name in ("rule", "severity", "about", "value_ppm")}
        return Entry(Kind.alert, self.id, 0, self.tenant, "", fields, actor=ACTOR, subject_tag=self.subject)

    def unnamed(self) -> Self:
        """The same alert without the person, whom the log may have forgotten meanwhile."""
        return replace(self, subject=None)


def is_monitors(alert_id: str) -> bool:
    """Whether a monitor made this id: it sends its own alerts, others' it only passes on."""
    try:
        return UUID(alert_id).version == 5
    except ValueError:
        return False
