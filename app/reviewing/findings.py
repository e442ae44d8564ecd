"""A person of the red team marks a turn of their own: the technique, how bad it is, what should have happened."""

from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from uuid_utils import uuid7

from app.answer import Tutor
from app.auth import Principal, Role
from app.errors import Fault, NotAllowed
from app.generation import durable
from app.incoming import enter, read_body
from app.ownership import require_own
from app.reviewing.labels import Expected, Label
from app.wire import parse_model
from audit.record import Entry, Kind
from deployments.ports import ServiceUnavailable

CAMPAIGN = "by hand"


class Finding(BaseModel):
    """Body of POST /v1/findings."""

    model_config = ConfigDict(extra="forbid")
    request_id: UUID
    technique: str = Field(pattern=r"^[a-z0-9][a-z0-9 _.:+-]{0,63}$")
    severity: Literal["low", "medium", "high", "critical"]
    expected: Expected
    label: Label | None = None
    note: str | None = Field(None, min_length=1, max_length=10_000)


def routes(tutor: Tutor) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/v1")

    @router.post("/findings", status_code=201, summary="Mark a turn of one's own as a red-team finding")
    async def mark(request: Request) -> dict[str, Any]:
        who = await enter(tutor, request)
        if who.role not in (Role.REDTEAM, Role.ADMIN):
            raise NotAllowed(f"the role {who.role} marks no findings", code="role_not_allowed")
        given = parse_model(Finding, await read_body(request, tutor.limits))
        await require_own(tutor, who, str(given.request_id))
        try:
            (receipt,) = await durable(tutor.control.log.append([_entry(who, given)]))
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error
        with suppress(ServiceUnavailable):
            await tutor.control.refresh()
        return {"finding": receipt.request_id, "about": str(given.request_id), "receipt": receipt.proof}

    return router


def _entry(who: Principal, given: Finding) -> Entry:
    fields = {
        "campaign": CAMPAIGN, "attack": given.technique, "outcome": "marked", "about": str(given.request_id),
        "category": given.label, "expected": given.expected, "severity": given.severity, "source": "human",
    }  # fmt: skip
    return Entry(Kind.finding, str(uuid7()), 0, who.tenant, who.subject, fields, given.note, who.role.value)
