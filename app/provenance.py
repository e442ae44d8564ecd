"""Routes by which a text leads back to its record, and by which the log's public keys are had."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.answer import Tutor
from app.auth import Principal
from app.errors import BadRequest, Fault
from app.incoming import enter, read_body
from app.wire import parse_model
from audit.proof import Proof
from audit.words import FEWEST, words
from deployments.ports import LogPort, ServiceUnavailable

MAX_TEXT = 256 * 1024
MOST = 10
# the line that the page puts under a copy, and what stands below it: another line of it, or the receipt
_FOOTER = re.compile(
    r"\n[ \t]{0,20}— Preceptor,[^\n]{1,1000}[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[^\n]{0,300}\n?"
)
_BELOW = re.compile(r"\s*(?:https?://\S{1,300}\s*)?(?:-----BEGIN PRECEPTOR RECEIPT-----.*)?", re.DOTALL)


class SearchedText(BaseModel):
    """Body of POST /v1/verify."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=MAX_TEXT)


def routes(tutor: Tutor) -> APIRouter:
    """All of them, over one tutor."""
    router = APIRouter(prefix="/v1")

    @router.get("/audit/keys", summary="The log's public keys; compare the id with one that came another way")
    async def keys(request: Request) -> dict[str, str]:
        await enter(tutor, request)
        try:
            return {"keys": await tutor.control.log.ring()}
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error

    @router.post("/verify", summary="The records of a whole answer's text, wherever it was found; of one's own tenant")
    async def verify(request: Request) -> dict[str, Any]:
        who = await enter(tutor, request)
        text = _searched(parse_model(SearchedText, await read_body(request, tutor.limits)).text)
        found = await _find(tutor, who, text)
        return {"found": bool(found), "matches": [_match(tutor, receipt) for receipt in found]}

    return router


def without_footer(text: str) -> str:
    """A copied text as it was shown: without the page's last line, and the receipt below it."""
    *_, last = [None, *_FOOTER.finditer(text)]
    return text if last is None or _BELOW.fullmatch(text, last.end()) is None else text[: last.start()]


def _searched(given: str) -> str:
    """Raises BadRequest for what is too long to be searched, or so short that it is anybody's."""
    if len(given.encode()) > MAX_TEXT:
        raise BadRequest(f"expected at most {MAX_TEXT} bytes of text, came more", param="text")
    text = without_footer(given)
    if len(words(text)) < FEWEST:
        raise BadRequest(
            f"expected a whole answer of at least {FEWEST} letters and digits; so short a text is no one answer's",
            code="text_too_short",
            param="text",
        )
    return text


async def _find(tutor: Tutor, who: Principal, text: str) -> list[dict[str, Any]]:
    """Receipts from all logs that may hold it, the newest first. Raises Fault."""
    everywhere = who.sees(None)
    logs: Sequence[LogPort] = tutor.logs if everywhere else tutor.logs_of(who.tenant)
    try:
        found = await asyncio.gather(*(log.search(text, None if everywhere else who.tenant) for log in logs))
    except ServiceUnavailable as error:
        raise Fault("the log does not answer", code="log_unavailable") from error
    receipts: list[dict[str, Any]] = []
    for each in found:
        if each is None:
            raise Fault("the search took too long; the next one has less to read", code="overloaded")
        receipts += each
    return sorted(receipts, key=lambda receipt: (receipt["ts"], receipt["idx"]), reverse=True)[:MOST]


def _match(tutor: Tutor, receipt: dict[str, Any]) -> dict[str, Any]:
    """What the receipt proves, with names for digests that are in force now; never whose answer it was."""
    fields = json.loads(json.loads(Proof.parse(receipt["proof"]).extra or b"")["leaf"])["fields"]
    model, policy = fields.get("model_digest"), fields.get("policy_digest")
    named = [name for name, digest in tutor.control.state.promoted.items() if digest == model]
    inforce = tutor.rulebook.rules.policy
    return {
        "request_id": receipt["request_id"],
        "ts": receipt["ts"],
        "kind": receipt["kind"],
        "model": {"name": named[0] if named else None, "digest": model},
        "policy": {"version": inforce.version if inforce.digest == policy else None, "digest": policy},
        "receipt": receipt["proof"],
    }
