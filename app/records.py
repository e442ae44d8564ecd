"""Routes that append or show records: terms, lessons, appeals, receipts, and the operators' door to the control log."""

import asyncio
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from uuid_utils import uuid7

from app.answer import Tutor, now_us
from app.auth import OPERATOR, Principal, Role
from app.errors import BadRequest, Fault, NotAllowed, NotFound
from app.generation import durable
from app.incoming import enter, read_body
from app.ownership import require_none_of_others, require_own, visible
from app.wire import parse_json, parse_model
from audit.errors import AuditError, BadEntry
from audit.receipt import Receipt
from audit.record import Entry, Kind
from deployments import metrics
from deployments.ports import ServiceUnavailable

PASS_TTL_US = 7 * 24 * 3600 * 1_000_000
MAX_RECORDS = 256

ALLOWED_KINDS: dict[Role, frozenset[Kind]] = {
    Role.ADMIN: frozenset(
        {
            Kind.grant,
            Kind.revocation,
            Kind.terms,
            Kind.policy,
            Kind.signoff,
            Kind.promotion,
            Kind.alert,
            Kind.dataset,
            Kind.run,
            Kind.gate,
            Kind.finding,
        }
    ),
    # a reviewer's records are made by the desk alone, which knows who may say what
    Role.REDTEAM: frozenset({Kind.finding}),
}
TENANT_KINDS = frozenset({Kind.grant, Kind.revocation, Kind.terms, Kind.finding})
"""Kinds that bind one tenant alone; all others bind everybody, so only the operator's admins append them."""


class AcceptTerms(BaseModel):
    """Body of POST /v1/terms."""

    model_config = ConfigDict(extra="forbid")
    digest: str


class PassLesson(BaseModel):
    """Body of POST /v1/lessons/{id}/pass; the answers are the learner's own and are not graded."""

    model_config = ConfigDict(extra="forbid")
    answers: list[str] = Field(default_factory=list, max_length=32)


class Appeal(BaseModel):
    """Body of POST /v1/appeals."""

    model_config = ConfigDict(extra="forbid")
    request_id: UUID
    reason: str = Field(min_length=1, max_length=10_000)


def routes(tutor: Tutor) -> APIRouter:
    """All of them, over one tutor."""
    router = APIRouter(prefix="/v1")
    _terms_routes(router, tutor)
    _lesson_routes(router, tutor)
    _receipt_routes(router, tutor)
    _operator_routes(router, tutor)
    return router


def _terms_routes(router: APIRouter, tutor: Tutor) -> None:
    @router.get("/terms", summary="The current terms of use")
    async def terms() -> dict[str, str]:
        return {"version": tutor.terms.version, "digest": tutor.terms.digest, "text": tutor.terms.text}

    @router.post("/terms", summary="Accept the terms of this digest")
    async def accept(request: Request) -> dict[str, Any]:
        who, body = await _identified(tutor, request)
        given = parse_model(AcceptTerms, body)
        if given.digest != tutor.terms.digest:
            raise BadRequest(f"expected the current digest {tutor.terms.digest}", param="digest")
        fields = {"terms_digest": tutor.terms.digest, "version": tutor.terms.version}
        receipt = await _append(tutor, who, Kind.terms, fields)
        return {"accepted": True, "digest": tutor.terms.digest, "receipt": receipt.proof}


def _lesson_routes(router: APIRouter, tutor: Tutor) -> None:
    @router.get("/lessons/{lesson_id}", summary="One lesson")
    async def lesson(lesson_id: str) -> dict[str, Any]:
        return _lesson(tutor, lesson_id)

    @router.post("/lessons/{lesson_id}/pass", summary="Pass a lesson; ungraded, remembered until it expires")
    async def passed(lesson_id: str, request: Request) -> dict[str, Any]:
        who, body = await _identified(tutor, request)
        answers = parse_model(PassLesson, body).answers
        if not _lesson(tutor, lesson_id)["questions"]:
            raise BadRequest("this lesson opens nothing: ask otherwise, as it says", code="nothing_to_pass")
        await tutor.require_terms(who)
        expires_us, policy = now_us() + PASS_TTL_US, tutor.rulebook.rules.policy
        receipts = [
            await _append(
                tutor,
                who,
                Kind.lesson_pass,
                {
                    "category": name,
                    "lesson": lesson_id,
                    "policy_digest": policy.file_digest,
                    "expires_us": expires_us,
                },
                "\n".join(answers) or None,
            )
            for name, category in policy.categories.items()
            if category.lesson == lesson_id and category.unlocks
        ]
        tutor.meter.count(metrics.LESSONS_PASSED)
        return {"pass": lesson_id, "expires_at": expires_us // 1_000_000, "receipt": receipts[-1].proof}


def _receipt_routes(router: APIRouter, tutor: Tutor) -> None:
    @router.get("/receipts/{request_id}", summary="Receipts of one's own request; auditors see their tenant's")
    async def receipts(request_id: str, request: Request) -> dict[str, Any]:
        who, _ = await _identified(tutor, request)
        found = await visible(tutor, who, _uuid(request_id))
        return {"request_id": request_id, "receipt": found[-1]["proof"], "receipts": found}

    @router.post("/appeals", status_code=202, summary="Appeal a decision; no guard stands before this")
    async def appeal(request: Request) -> dict[str, Any]:
        who, body = await _identified(tutor, request)
        given = parse_model(Appeal, body)
        await require_own(tutor, who, str(given.request_id))
        receipt = await _append(tutor, who, Kind.appeal, {"about": str(given.request_id)}, given.reason)
        return {"appeal": "recorded", "request_id": receipt.request_id, "receipt": receipt.proof}


def _operator_routes(router: APIRouter, tutor: Tutor) -> None:
    @router.post("/audit/records", summary="Append records to the control log; kinds depend on the role")
    async def records(request: Request) -> dict[str, Any]:
        who, body = await _identified(tutor, request)
        raw_records = _raw_records(parse_json(body))
        for raw in raw_records:
            _require_kind(raw, who)
        # all at once, so that they share a commit
        return {"results": await asyncio.gather(*(_outcome(tutor, raw, who) for raw in raw_records))}

    @router.get("/audit/checkpoints", summary="The signed heads of all logs: keep them, and no rollback goes unseen")
    async def checkpoints(request: Request) -> dict[str, Any]:
        who, _ = await _identified(tutor, request)
        logs = tutor.logs if who.sees(None) else tutor.logs_of(who.tenant)
        try:
            return {"checkpoints": [await log.checkpoint() for log in (tutor.control.log, *logs)]}
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error


async def _identified(tutor: Tutor, request: Request) -> tuple[Principal, bytes]:
    who = await enter(tutor, request)
    return who, await read_body(request, tutor.limits)


def _lesson(tutor: Tutor, lesson_id: str) -> dict[str, Any]:
    if lesson_id not in tutor.lessons:
        raise NotFound(f"expected one of {sorted(tutor.lessons)}, came {lesson_id[:100]!r}")
    return tutor.lessons[lesson_id].describe()


async def _append(tutor: Tutor, who: Principal, kind: Kind, fields: dict[str, Any], text: str | None = None) -> Receipt:
    """One record of the principal's own doing in the control log."""
    entry = Entry(kind, str(uuid7()), 0, who.tenant, who.subject, fields, text)
    receipt = (await durable(tutor.control.log.append([entry])))[0]
    with suppress(ServiceUnavailable):  # so that this Gateway's next decision already rests on it
        await tutor.control.refresh()
    return receipt


def _raw_records(body: dict[str, Any]) -> list[Any]:
    raw = body.get("records")
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_RECORDS:
        raise BadRequest(f"expected records: a list of 1 to {MAX_RECORDS}", param="records")
    return raw


def _require_kind(raw: Any, who: Principal) -> None:
    """Raises NotAllowed before anything of a body is appended."""
    role, kind = who.role, raw.get("kind") if isinstance(raw, dict) else None
    if kind not in ALLOWED_KINDS.get(role, frozenset()):
        raise NotAllowed(f"the role {role} may not append records of this kind", code="kind_not_allowed")
    if who.tenant != OPERATOR and not _of_tenant(raw, who.tenant):
        raise NotAllowed("this record is for the operator, or for another tenant, to make", code="tenant_not_allowed")
    fields = raw.get("fields")
    if role is Role.REDTEAM and isinstance(fields, dict) and fields.get("source") not in (None, "tool"):
        raise NotAllowed("a person marks findings at /v1/findings; gold ones are an admin's", code="kind_not_allowed")


def _of_tenant(raw: dict[str, Any], tenant: str) -> bool:
    """Whether a record concerns this tenant alone: a key's id names no tenant, so revoking by it is the operator's."""
    fields = raw.get("fields")
    by_id = raw.get("kind") == Kind.revocation and not (isinstance(fields, dict) and fields.get("jti") is None)
    # a condition would tell whether anybody's review, appeal or policy changed
    free = raw.get("if_last") is None
    return raw.get("kind") in TENANT_KINDS and raw.get("tenant") in ("", tenant) and free and not by_id


def _require_somebody(entry: Entry) -> None:
    """Raises BadEntry for a revocation that names neither a key nor a person: it would void nothing."""
    if entry.kind is Kind.revocation and entry.fields.get("jti") is None and not (entry.subject or entry.subject_tag):
        raise BadEntry("revocation: expected the id of a key, or a subject")


async def _outcome(tutor: Tutor, raw: Any, who: Principal) -> dict[str, Any]:
    """One record's receipt or error; a bad one does not fail its neighbours. Raises Fault."""
    actor = "operator" if who.role is Role.ADMIN else who.role.value
    try:
        given = Entry.from_json(raw)
        await require_none_of_others(tutor, who, given)
        _require_somebody(given)
        signed = replace(given, actor=actor)
        if who.tenant != OPERATOR:
            # it is the tenant's, so that its reviewers see it and no others; and under no name that an alert, a run
            # or anything else of the system will have: those begin at 0
            signed = replace(signed, tenant=who.tenant, seq=given.seq + 1)
        return {"receipt": asdict((await tutor.control.log.append([signed]))[0])}
    except (AuditError, NotFound) as error:
        return {"error": {"code": type(error).__name__, "message": str(error)}}
    except ServiceUnavailable as error:
        raise Fault("the log does not answer", code="log_unavailable") from error


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise NotFound("expected the id of a request, a UUID") from error
