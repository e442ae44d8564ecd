"""Routes of the auditor: for auditors and admins, cut to their tenant; SQL and reports are the operator's alone."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.answer import Tutor
from app.auditing.alerts import alerts
from app.auditing.asking import Asking
from app.auditing.events import Form, events
from app.auditing.lineage import lineage, views
from app.auditing.reports import TYPES, Format, Reports, Wanted, listed
from app.auditing.status import status
from app.auditing.tables import query
from app.auditing.trends import MOST_DAYS, trends
from app.auth import OPERATOR, Principal, Role
from app.errors import NotAllowed
from app.incoming import enter, read_body
from app.wire import parse_model
from audit.query import Asker

_AUDITORS = (Role.AUDITOR, Role.ADMIN)


class Sql(BaseModel):
    """Body of POST /v1/audit/query: one SELECT over the views of docs/audit-views.md."""

    model_config = ConfigDict(extra="forbid")
    sql: str = Field(min_length=1, max_length=20_000)


def routes(tutor: Tutor, asker: Asker | None) -> APIRouter:
    """All of them, over one root; without an `asker` they answer with a Fault."""
    router = APIRouter(prefix="/v1/audit")
    asking = Asking(asker)
    _state(router, tutor, asking)
    _records(router, tutor, asking)
    _figures(router, tutor, asking)
    _reports(router, tutor, Reports(asker.root if asker else None))
    return router


def _state(router: APIRouter, tutor: Tutor, asking: Asking) -> None:
    @router.get(
        "/status", summary="Signed heads and their age, answers that the log does not hold, the policy in force"
    )
    async def state(request: Request) -> dict[str, Any]:
        return await status(tutor, asking, await _auditor(tutor, request))

    @router.get("/alerts", summary="Rules that fired, the newest first")
    async def fired(request: Request, open: bool | None = None) -> dict[str, Any]:  # noqa: A002 the field's name
        return await alerts(asking, await _auditor(tutor, request), still_open=open)


def _records(router: APIRouter, tutor: Tutor, asking: Asking) -> None:
    @router.get("/events", summary="Records by a form, the newest first, in pages")
    async def timeline(request: Request, form: Annotated[Form, Query()]) -> dict[str, Any]:
        return await events(asking, await _auditor(tutor, request), form)

    @router.post("/query", summary="One SELECT over the views; for the operator's people")
    async def asked(request: Request) -> dict[str, Any]:
        await _operators(tutor, request)
        return await query(asking, parse_model(Sql, await read_body(request, tutor.limits)).sql)

    @router.get("/views", summary="The views that SQL may name, and their columns")
    async def named(request: Request) -> dict[str, Any]:
        await _auditor(tutor, request)
        return await views(asking)


def _figures(router: APIRouter, tutor: Tutor, asking: Asking) -> None:
    @router.get("/trends", summary="Decisions by day and category, and how far the guard's scores drift")
    async def moved(request: Request, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 30) -> dict[str, Any]:
        return await trends(asking, await _auditor(tutor, request), days)

    @router.get("/lineage", summary="Promotions, back to run, dataset and sources")
    async def descent(request: Request) -> dict[str, Any]:
        await _auditor(tutor, request)
        return await lineage(asking)


def _reports(router: APIRouter, tutor: Tutor, reports: Reports) -> None:
    @router.get("/reports", summary="The reports there are")
    async def names(request: Request) -> dict[str, Any]:
        await _auditor(tutor, request)
        return {"reports": await asyncio.to_thread(listed)}

    @router.get("/reports/{name}", summary="One report of a period, as a file; for the operator's people")
    async def report(
        name: str,
        request: Request,
        start: Annotated[str | None, Query(alias="from", max_length=64)] = None,
        end: Annotated[str | None, Query(alias="to", max_length=64)] = None,
        form: Annotated[Format, Query(alias="format")] = "html",
    ) -> Response:
        await _operators(tutor, request)
        await read_body(request, tutor.limits)
        wanted = Wanted.parse(name, start, end, form)
        data = await reports.make(wanted, partial(_left, request))
        sent = {"content-disposition": f'attachment; filename="{wanted.file_name}"'}
        return Response(data, media_type=TYPES[form], headers=sent)


async def _auditor(tutor: Tutor, request: Request) -> Principal:
    """Who asks, what body there is out of the way; raises NotAllowed for other roles."""
    who = await _entered(tutor, request)
    await read_body(request, tutor.limits)
    return who


async def _operators(tutor: Tutor, request: Request) -> None:
    """Raises NotAllowed for all but the operator's auditors and admins; the body is still to be read."""
    if (await _entered(tutor, request)).tenant != OPERATOR:
        raise NotAllowed("this sees every tenant's records, so it is the operator's", code="tenant_not_allowed")


async def _entered(tutor: Tutor, request: Request) -> Principal:
    who = await enter(tutor, request)
    if who.role not in _AUDITORS:
        raise NotAllowed(f"the role {who.role} does not audit", code="role_not_allowed")
    return who


async def _left(request: Request) -> None:
    """Comes to an end when the client goes: after the body nothing else is received."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
