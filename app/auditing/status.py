"""Where the logs stand: their signed heads, who signed and who witnessed them, what the log says of itself."""

import asyncio
import time
from pathlib import Path
from typing import Any

from app.answer import Tutor
from app.auditing.asking import KEEP_S, Asking
from app.auditing.witnessed import witnessed
from app.auth import Principal
from app.errors import Fault
from app.literals import of_tenant
from audit.checkpoint import read_checkpoint
from audit.cosignature import signature_lines
from audit.errors import BadNote
from audit.keyring import KeyRing
from audit.monitoring.rules import SHIPPED, read_rules
from deployments.ports import LogPort, ServiceUnavailable

UNLOGGED = "unlogged_answer"
"""The monitor's rule whose answer is put into the status: text that left and whose record is not whole; must be 0."""
_EXCHANGE = "('request', 'window', 'answer', 'refusal', 'lesson')"


async def status(tutor: Tutor, asking: Asking, who: Principal) -> dict[str, Any]:
    """The logs that hold this principal's records, the control log first; raises Fault."""
    logs = (tutor.control.log, *(tutor.logs if who.sees(None) else tutor.logs_of(who.tenant)))
    try:
        ring = KeyRing.parse(await tutor.control.log.ring())
        heads = await asyncio.gather(*(_head(log, ring, asking.root) for log in logs))
    except (ServiceUnavailable, BadNote) as error:
        raise Fault("the log does not answer", code="log_unavailable") from error
    rules = tutor.rulebook.rules
    policy = {"version": rules.policy.version, "digest": rules.policy.digest, "signed": tutor.is_signed(rules)}
    return {"logs": heads, "unlogged": await _unlogged(asking, who), "policy": policy}


async def _head(log: LogPort, ring: KeyRing, root: str | Path | None) -> dict[str, Any]:
    """A log's newest head. `signed_at` is the log's time of the newest record under it, with which it was signed."""
    origin = read_checkpoint(await log.checkpoint()).origin
    seen = await asyncio.to_thread(witnessed, root, ring, origin) if root else None
    note = await log.checkpoint()  # after what was witnessed, which a log that only grows is not behind
    head = read_checkpoint(note)
    newest = await log.tail(head.size - 1)
    at = newest[0]["ts"]
    signers, others = _signatures(note, ring)
    return {
        "origin": origin, "size": head.size, "signed_at": at, "age_s": max(0.0, time.time() - at / 1_000_000),
        "checkpoint": note, "signers": signers, "witnesses": sorted({*others, *(seen.names if seen else ())}),
        "witnessed": {"size": seen.size, "at": seen.at} if seen else None,
    }  # fmt: skip


def _signatures(note: str, ring: KeyRing) -> tuple[list[str], list[str]]:
    """The log's own name, if its signature holds, and those of others, for whoever knows their keys to check."""
    names = {line.name for line in signature_lines(note)}
    try:
        own = {ring.open_any(note).origin}
    except BadNote:
        own = set()
    return sorted(own), sorted(names - {read_checkpoint(note).origin})


async def _unlogged(asking: Asking, who: Principal) -> int | None:
    """How many exchanges of the last week are not whole in the log; None where it could not be asked."""
    try:
        (row,) = await asking.rows(await asyncio.to_thread(_sql, who), KEEP_S)
    except Fault:
        return None
    return int(row["n"])


def _sql(who: Principal) -> str:
    rule = next(rule.sql for rule in read_rules(SHIPPED) if rule.name == UNLOGGED)
    mine = f"select request_id from records where kind in {_EXCHANGE} and {of_tenant(who)}"  # noqa: S608 quoted
    return f"select count(*) as n from (\n{rule}\n) u where u.about in ({mine})"  # noqa: S608 ours
