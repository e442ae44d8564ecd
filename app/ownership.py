"""Whose record is whose: what a principal may see of a request, by its person and its tenant."""

import json
from collections.abc import Mapping
from typing import Any

from app.answer import Tutor
from app.auth import Principal, Role
from app.errors import Fault, NotFound
from audit.errors import BadProof
from audit.proof import Proof
from audit.record import Entry, Kind
from deployments.ports import LogPort, ServiceUnavailable


async def visible(tutor: Tutor, who: Principal, request_id: str) -> list[dict[str, Any]]:
    """Receipts of a request: one's own, for auditors and admins those of their tenant, for the operator's all.

    Raises NotFound, the same for what is not there and what is another's; Fault.
    """
    found = await _find(tutor, who, request_id)
    if who.role in (Role.AUDITOR, Role.ADMIN):
        found = [receipt for receipt in found if who.sees(tenant := _tenant(receipt)) or tenant == ""]
    else:
        tag = await tutor.control.tag(who.tenant, who.subject)
        found = [receipt for receipt in found if receipt["subject"] == tag]
    if not found:
        raise NotFound(f"no record of request {request_id} that you may see")
    return found


async def require_own(tutor: Tutor, who: Principal, request_id: str) -> None:
    """Raises NotFound for a request that is not this person's: what others asked is none of theirs."""
    tag = await tutor.control.tag(who.tenant, who.subject)
    found = await _receipts(tutor.log_of(who.tenant, request_id), request_id)
    if tag not in {receipt["subject"] for receipt in found}:
        raise NotFound(f"no request {request_id} of yours")


async def require_none_of_others(tutor: Tutor, who: Principal, entry: Entry) -> None:
    """Raises NotFound for a finding about another tenant's request: it would enter that tenant's queue."""
    if who.sees(None) or entry.kind is not Kind.finding:
        return
    about = entry.fields.get("about")
    for request_id in {entry.request_id, about if isinstance(about, str) else entry.request_id}:
        for log in tutor.logs:
            found = await _receipts(log, request_id)
            if not all(who.sees(_tenant(receipt)) for receipt in found):
                raise NotFound(f"no request {request_id} of your tenant")


async def _find(tutor: Tutor, who: Principal, request_id: str) -> list[dict[str, Any]]:
    """From the log that holds it: an exchange log of the tenant, for the operator of anybody; or the control log."""
    mine = tutor.logs if who.sees(None) else [tutor.log_of(who.tenant, request_id)]
    for log in (*mine, tutor.control.log):
        if found := await _receipts(log, request_id):
            return found
    return []


async def _receipts(log: LogPort, request_id: str) -> list[dict[str, Any]]:
    try:
        return await log.receipts(request_id)
    except ServiceUnavailable as error:
        raise Fault("the log does not answer", code="log_unavailable") from error


def _tenant(receipt: Mapping[str, Any]) -> str | None:
    """As the proven leaf says it; None where that cannot be read, which is nobody's."""
    try:
        return str(json.loads(json.loads(Proof.parse(receipt["proof"]).extra or b"")["leaf"])["tenant"])
    except (BadProof, ValueError, KeyError, TypeError):
        return None
