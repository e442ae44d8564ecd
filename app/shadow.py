"""What a challenger of the guard would have decided: asked beside an answer and recorded, never heeded or awaited."""

import asyncio
import contextvars
import logging
from contextlib import suppress
from typing import Any

from uuid_utils import uuid7

from app.exchange import judged
from app.rulebook import Rules
from audit.errors import AuditError
from audit.record import Entry, Kind
from deployments.ports import LogPort, ServiceUnavailable
from guards.errors import GuardFault
from guards.verdict import Context, Decision, Stage

AT_ONCE = 8  # further questions go unlooked at: nothing may queue behind a challenger

logger = logging.getLogger("ray.serve")


class Shadow:
    """Runs a challenger on questions that others have decided."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def look(self, rules: Rules | None, about: str, text: str, context: Context, log: LogPort) -> None:
        """Start to judge, unless there is no challenger or it is busy; returns at once."""
        if rules is None or len(self._running) >= AT_ONCE:
            return
        # in no request's context: Serve cancels what a request started when its client hangs up
        task = asyncio.create_task(_judge(rules, about, text, context, log), context=contextvars.Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Return when nothing runs any more."""
        while self._running:
            await asyncio.wait(self._running)


async def _judge(rules: Rules, about: str, text: str, context: Context, log: LogPort) -> None:
    decision: Decision | None = None
    try:
        decision = await rules.guard.check(text, Stage.PROMPT, context)
    except GuardFault as fault:
        telling = {"event": "challenger_failed", "error": type(fault).__name__}
        logger.warning("the challenger could not judge: %s", telling["error"], extra=telling)
    fields: dict[str, Any] = {"about": about, "guard_digest": rules.guard_digest} | judged(decision)
    with suppress(ServiceUnavailable, AuditError):
        await log.append([Entry(Kind.shadow, str(uuid7()), 0, "", "", fields)])
