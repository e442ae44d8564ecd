"""A release in the control log: a `run` record when it begins and ends, a `gate` record for what the canary found."""

from dataclasses import dataclass, field
from typing import Any, Literal

from uuid_utils import uuid7

from app.releasing.errors import Unreachable
from app.releasing.figures import Figures
from audit.client import AuditClient
from audit.errors import AuditError
from audit.record import Entry, Kind

NAME = "serve"
Status = Literal["started", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class Journal:
    """The control log, through an admin's key."""

    url: str
    key: str = field(repr=False)

    def run(self, job: str, status: Status, change: tuple[str, str], metrics: dict[str, int] | None = None) -> None:
        """`change` is the digests (before, after) of the configuration. Raises Unreachable."""
        base, config = change
        self._append(Kind.run, {
            "name": NAME, "job": job, "status": status, "base": base, "dataset_digest": None, "adapter_digest": None,
            "config_digest": config, "metrics": metrics or {},
        })  # fmt: skip

    def gate(self, candidate: str, suite: str, figures: Figures, *, passed: bool) -> None:
        """What the canary measured of a configuration. Raises Unreachable."""
        self._append(Kind.gate, {
            "name": "canary", "candidate": candidate, "suite_digest": suite, "passed": passed,
            "metrics": figures.metrics(),
        })  # fmt: skip

    def _append(self, kind: Kind, fields: dict[str, Any]) -> None:
        entry = Entry(kind, str(uuid7()), 0, "preceptor", "operator", fields, actor="operator")
        try:
            (result,) = AuditClient(self.url, self.key).append([entry])
        except AuditError as error:
            raise Unreachable(f"the control log did not take the {kind} record: {error}") from error
        if "error" in result:
            raise Unreachable(f"the control log refused the {kind} record: {result['error'].get('message')}")
