"""Routes of the review desk: the queue, one item with its text, and what a reviewer does with it."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.answer import Tutor
from app.auth import Principal, Role
from app.errors import BadRequest, Fault, NotAllowed
from app.incoming import enter, read_body
from app.reviewing.desk import LEASE_S, UNJUDGED, Desk, Item
from app.reviewing.labels import Expected, Label, Means
from app.wire import parse_model
from audit.receipt import Receipt
from deployments.ports import ServiceUnavailable

_REVIEWERS = (Role.REVIEWER, Role.ADMIN)


class Labelled(BaseModel):
    """Body of POST /v1/review/{about}/label."""

    model_config = ConfigDict(extra="forbid")
    label: Label
    expected: Expected
    note: str | None = Field(None, min_length=1, max_length=10_000)
    means: Means = "human"


class Decided(Labelled):
    """Body of POST /v1/review/{about}/decide."""

    decision: Literal["uphold", "overturn"]


class Looked(BaseModel):
    """Body of POST /v1/review/{about}/text: why the text is opened, which the log keeps."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("review", min_length=1, max_length=1000)


def routes(tutor: Tutor, desk: Desk) -> APIRouter:
    """All of them, over one desk."""
    router = APIRouter(prefix="/v1/review")
    _reading(router, tutor, desk)
    _deciding(router, tutor, desk)
    return router


def _reading(router: APIRouter, tutor: Tutor, desk: Desk) -> None:
    @router.get("", summary="What awaits a look, the most urgent first")
    async def queue(
        request: Request,
        state: str = "open,labelled,disputed,agreed",
        limit: int = 50,
        reason: str = "",
        overdue: bool = False,
    ) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request)
        if limit < 1:
            raise BadRequest(f"expected a limit of at least 1, came {limit}", param="limit")
        found = await desk.items(who, tag, state.split(","), limit, reason=reason, overdue=overdue)
        return {"items": [item.describe(tag) for item in found]}

    @router.get("/agreement", summary="How far reviewers agree, with each other and with the gold items")
    async def agreed(request: Request) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request, (*_REVIEWERS, Role.AUDITOR))
        return await desk.agreement(who, tag)

    @router.get("/{about}", summary="One item and where it stands")
    async def item(about: str, request: Request) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request)
        return (await desk.item(who, about)).describe(tag)

    @router.get("/{about}/similar", summary="What the guard judged alike, decided ones first; no texts")
    async def similar(about: str, request: Request) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request)
        return {"items": [_precedent(item, tag) for item in await desk.similar(who, tag, about)]}

    @router.post("/{about}/text", summary="Its texts, for who holds the lease; that is a record")
    async def text(about: str, request: Request) -> dict[str, Any]:
        who, tag, body = await _reviewer(tutor, request)
        reason = parse_model(Looked, body or b"{}").reason
        return await _opened(tutor, desk, await desk.held(who, tag, about), (who.subject, reason))


async def _opened(tutor: Tutor, desk: Desk, item: Item, why: tuple[str, str]) -> dict[str, Any]:
    """The exchange's records with what the guard made of each, and the appeals; `why`: who reads, for which reason."""
    judged, appeals = await desk.judged(item), await desk.appeals(item)

    async def texts(request_id: str) -> list[dict[str, Any]]:
        try:
            return await tutor.control.log.texts(request_id, *why, item.tenant)
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error

    records = [one | judged.get((one["kind"], one["seq"]), UNJUDGED) for one in await texts(item.about)]
    told = [
        {"ts": appeal["ts"].isoformat(), "text": one["text"]}
        for appeal in appeals
        for one in await texts(appeal["request_id"])
    ]
    return {"about": item.about, "records": records, "appeals": told}


def _precedent(item: Item, tag: str) -> dict[str, Any]:
    """An item of the queue, with what was decided of it in the end; labels are never told."""
    return item.describe(tag) | {"decision": item.decision if item.state == "decided" else None}


def _deciding(router: APIRouter, tutor: Tutor, desk: Desk) -> None:
    @router.post("/{about}/claim", summary="Hold the item for a quarter of an hour")
    async def claim(about: str, request: Request) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request)
        return _told(await desk.claim(who, tag, about)) | {"lease_s": LEASE_S}

    @router.post("/{about}/release", summary="Give it back")
    async def release(about: str, request: Request) -> dict[str, Any]:
        who, tag, _ = await _reviewer(tutor, request)
        return _told(await desk.release(who, tag, about))

    @router.post("/{about}/label", summary="Say what it was and what should have happened")
    async def label(about: str, request: Request) -> dict[str, Any]:
        who, tag, body = await _reviewer(tutor, request)
        said = parse_model(Labelled, body)
        return _told(await desk.label(who, tag, about, said.model_dump(exclude={"note"}), said.note))

    @router.post("/{about}/decide", summary="Uphold or overturn, after two labels")
    async def decide(about: str, request: Request) -> dict[str, Any]:
        who, tag, body = await _reviewer(tutor, request)
        said = parse_model(Decided, body)
        return _told(await desk.decide(who, tag, about, said.model_dump(exclude={"note"}), said.note))


async def _reviewer(
    tutor: Tutor, request: Request, roles: tuple[Role, ...] = _REVIEWERS
) -> tuple[Principal, str, bytes]:
    """Who asks, their pseudonym, and the body; raises NotAllowed for other roles."""
    who = await enter(tutor, request)
    if who.role not in roles:
        raise NotAllowed(f"the role {who.role} does not review", code="role_not_allowed")
    body = await read_body(request, tutor.limits)
    return who, await tutor.control.tag(who.tenant, who.subject), body


def _told(receipt: Receipt) -> dict[str, Any]:
    return {"request_id": receipt.request_id, "receipt": receipt.proof}
