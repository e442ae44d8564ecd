"""What comes back from the auditor's routes; `ts` in microseconds since 1970."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.replies import Count, Digest, Reply

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Witnessed(Reply):
    """The head that was cosigned last; a log that is shorter than it was rolled back."""

    size: Count
    at: int


class Head(Reply):
    """A log's newest signed head; `witnesses` are names under it or under the one witnessed last, unverified here."""

    origin: str
    size: Count
    signed_at: int
    age_s: Annotated[float, Field(ge=0)]
    checkpoint: str
    signers: list[str]
    witnesses: list[str]
    witnessed: Witnessed | None


class PolicyState(Reply):
    """The policy in force, and whether whoever holds the sign-off key approved it."""

    version: str
    digest: Digest
    signed: bool


class Status(Reply):
    """Where the logs stand; `unlogged` must be 0, and is null where it could not be asked."""

    logs: list[Head]
    unlogged: Count | None
    policy: PolicyState


class Event(Reply):
    """One record without its text; `fields` as audit/shapes.py has them for its kind."""

    origin: str
    idx: Count
    ts: int
    kind: str
    request_id: str
    seq: Count
    tenant: str
    subject: str | None
    actor: str
    action: str | None
    category: str | None
    score: float | None
    fields: dict[str, Any]


class Events(Reply):
    """A page, the newest first; `next` is `before` of the next one, null at the end."""

    events: list[Event]
    next: str | None


class ColumnReply(Reply):
    """A column and its type."""

    name: str
    type: str


class TableReply(Reply):
    """At most 1,000 rows; `truncated` says that there are more."""

    columns: list[ColumnReply]
    rows: list[list[Any]]
    truncated: bool


class View(Reply):
    """A view of docs/audit-views.md."""

    name: str
    about: str
    columns: list[ColumnReply]


class Views(Reply):
    """By name."""

    views: list[View]


class Alert(Reply):
    """A rule that fired; `about` is often a request, `open` until somebody has decided."""

    request_id: str
    ts: int
    rule: str
    severity: Literal["info", "warning", "critical"]
    about: str | None
    value: float | None
    open: bool


class Alerts(Reply):
    """The newest 500."""

    alerts: list[Alert]


class DayReply(Reply):
    """What became of a day's exchanges, each counted once, and how many appeals came."""

    day: Day
    allow: Count
    teach: Count
    refuse: Count
    fault: Count
    appeals: Count


class CategoryReply(Reply):
    """How often a category was the reason."""

    category: str
    refuse: Count
    teach: Count


class Drift(Reply):
    """Population stability index of the seven days that end with this one; null with too few requests."""

    day: Day
    psi: Annotated[float, Field(ge=0)] | None


class Trends(Reply):
    """Days of UTC, the oldest first."""

    days: list[DayReply]
    categories: list[CategoryReply]
    drift: list[Drift]
    faults: Count


class Promotion(Reply):
    """A row of the view `lineage`."""

    origin: str
    idx: Count
    ts: int
    name: str
    model_digest: str
    active: bool
    base: str | None
    adapter_digest: str | None
    weights: dict[str, str]
    gate: str | None
    gate_passed: bool | None
    gates: list[dict[str, Any]] | None
    run: str | None
    job: str | None
    config_digest: str | None
    metrics: dict[str, int] | None
    dataset_digest: str | None
    dataset: str | None
    dataset_rows: Count | None
    sources: list[dict[str, Any]] | None


class Lineage(Reply):
    """The newest first."""

    promotions: list[Promotion]


class ReportReply(Reply):
    """A report of docs/reports.md."""

    name: str
    title: str


class Reports(Reply):
    """In the order of their numbers."""

    reports: list[ReportReply]
