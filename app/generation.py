"""Steps 6 to 8 of a question's life: cut the stream into windows, check each, log each, send each, and close.

One task produces: it generates, checks and hands records to the log. One generator delivers: it waits for each record
to be durable before it lets the text go. So the check of window k+1 runs while window k is being committed. The
request's own record goes with an early window, and where nobody reads before the end all windows go with the answer:
commits that nobody waits for are not made.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from app.errors import Fault
from app.exchange import Exchange
from app.grounding.reading import Reader
from audit.errors import AuditError
from audit.receipt import Receipt
from audit.record import Entry
from deployments import tracing
from deployments.generation import Sampling
from deployments.ports import ServiceUnavailable
from guards.errors import GuardFault
from guards.guard import Guard
from guards.verdict import Action, Context, Decision, Stage

TOGETHER_S = 0.02  # a commit's own interval: so long the request's record waits for a window to go with

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class Window:
    """Checked and logged text, ready to be sent."""

    text: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of an answer; `preceptor` holds the receipt."""

    finish_reason: str
    usage: dict[str, int]
    preceptor: dict[str, Any]


Event = Window | Closing


@dataclass(frozen=True, slots=True)
class _Step:
    """A text and perhaps an ending that may leave once their records are durable."""

    text: str
    logged: "asyncio.Task[list[Receipt]]"
    ending: tuple[str, Decision | None] | None = None


class Generation:
    """One answer in the making. `ended` is called when all is generated, however slowly the client reads.

    `at_once`: the client reads nothing before the end.
    """

    def __init__(
        self, exchange: Exchange, guard: Guard, reader: Reader, deadline_s: float, ended: Callable[[], None],
        *, at_once: bool,
    ) -> None:  # fmt: skip
        self._exchange = exchange
        self._guard = guard
        self._reader = reader
        self._deadline_s = deadline_s
        self._ended = ended
        self._at_once = at_once
        self._unlogged = list[Entry]()
        self._unsent = ""
        self._context = Context()
        self._queue: asyncio.Queue[_Step | Fault] = asyncio.Queue()
        self._sent = ""
        self._usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        self._finish: str | None = None

    @property
    def tokens(self) -> int:
        """All tokens used so far."""
        return self._usage["total_tokens"]

    async def events(self, sampling: Sampling, context: Context, request: Entry) -> AsyncGenerator[Event]:
        """Log the request, deliver windows, then one Closing. Raises Fault."""
        self._context, self._unlogged = context, [request]
        asyncio.get_running_loop().call_later(TOGETHER_S, self._log_request)
        producer = asyncio.create_task(self._produce(sampling))
        # However the producer ends, nobody waits for ever; after a good end this is never read.
        broken = Fault("the answer was broken off", code="service_unavailable")
        producer.add_done_callback(lambda _: self._queue.put_nowait(broken))
        producer.add_done_callback(lambda _: self._ended())
        try:
            while True:
                step = await self._queue.get()
                if isinstance(step, Fault):
                    raise step
                receipts = await durable(step.logged)
                if step.text:
                    yield Window(step.text)
                if step.ending:
                    yield self._closing(*step.ending, receipts[-1])
                    return
        finally:
            producer.cancel()
            if not self._exchange.closed:
                await asyncio.shield(asyncio.ensure_future(self._record_interruption("disconnect")))

    async def _produce(self, sampling: Sampling) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._generate(sampling)
        except TimeoutError:
            await self._record_interruption("deadline")
            self._queue.put_nowait(Fault("the answer took too long", code="deadline_exceeded"))
        except GuardFault as error:
            await self._fail("guard", f"the guard could not judge the answer: {type(error).__name__}")
        except ServiceUnavailable as error:
            await self._fail(error.service, f"the {error.service} does not answer")
        except AuditError as error:
            await self._fail("log", f"the log refused a record: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001  doubt refuses: the client must get an end, and the log too
            await self._fail("service", f"unexpected {type(error).__name__}")

    async def _generate(self, sampling: Sampling) -> None:
        prompt = self._reader.prompt
        self._count(len(prompt), 0)
        windows = self._reader.windows()
        digest = self._exchange.identity.model_digest  # what answers is what the records cite
        async with aclosing(self._reader.model.stream(prompt, sampling, digest)) as pieces:
            async for piece in pieces:
                self._count(len(prompt), piece.tokens)
                self._finish = piece.finish_reason or self._finish
                for text in windows.push(piece.text):
                    if not await self._release(text):
                        return
        if self._finish is None:
            raise ServiceUnavailable("model", "the stream ended without a finish reason")
        *ready, last = windows.flush() or [""]
        for text in ready:
            if not await self._release(text):
                return
        await self._close(last)

    async def _release(self, text: str) -> bool:
        """Check a window and hand it on; a violation ends the answer and gives False."""
        decision = await self._check(text, Stage.WINDOW, self._sent)
        if not _may_leave(decision):
            self._end("content_filter", decision, [])
            return False
        self._sent += decision.text
        self._hand_on(decision.text, [self._exchange.window(decision)])
        return True

    async def _close(self, last: str) -> None:
        """Check the last window, and the whole answer, before that window leaves; where it is all there is, once."""
        window, whole = await self._check_last(last)
        if window and not _may_leave(window):
            return self._end("content_filter", window, [])
        tail = window.text if window else ""
        if tail != last:  # redacted, so the whole is another than the one that was checked
            whole = await self._check(self._sent + tail, Stage.ANSWER, "") if self._sent + tail else None
        if whole and (not _may_leave(whole) or whole.text != self._sent + tail):
            return self._end("content_filter", whole, [])
        self._sent += tail
        return self._end(self._finish or "stop", whole, [self._exchange.window(window)] if window else [], tail)

    async def _check_last(self, last: str) -> tuple[Decision | None, Decision | None]:
        """The last window and the whole answer with it, at the same time; None for what is empty."""
        if not self._sent:
            window = await self._check(last, Stage.WINDOW, "") if last else None
            return window, window
        whole = self._check(self._sent + last, Stage.ANSWER, "")
        if not last:
            return None, await whole
        return await asyncio.gather(self._check(last, Stage.WINDOW, self._sent), whole)

    def _end(self, finish: str, decision: Decision | None, before: list[Entry], text: str = "") -> None:
        answer = self._exchange.answer(finish, decision, self._usage, self._sent)
        self._hand_on(text, [*before, answer], (finish, decision))

    def _hand_on(self, text: str, entries: list[Entry], ending: tuple[str, Decision | None] | None = None) -> None:
        """Log and send, now or with the end."""
        self._unsent += text
        self._unlogged += entries
        if ending or not self._at_once:
            self._queue.put_nowait(_Step(self._unsent, self._log(), ending))
            self._unsent = ""

    async def _check(self, text: str, stage: Stage, preceding: str) -> Decision:
        with tracing.span("check", stage=stage.value):
            return await self._guard.check(text, stage, replace(self._context, preceding=preceding))

    def _log_request(self) -> None:
        """Where nothing was logged so early: a step without text, before all others."""
        if self._unlogged:
            self._queue.put_nowait(_Step("", self._log()))

    def _log(self) -> "asyncio.Task[list[Receipt]]":
        entries, self._unlogged = self._unlogged, []
        return asyncio.create_task(self._exchange.append(entries))

    def _count(self, prompt: int, completion: int) -> None:
        self._usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _closing(self, finish: str, decision: Decision | None, receipt: Receipt) -> Closing:
        action = Action.REFUSE if finish == "content_filter" else decision.action if decision else Action.ALLOW
        return Closing(finish, self._usage, self._exchange.describe(action.value, decision, receipt))

    async def _fail(self, service: str, message: str) -> None:
        about = {"event": "fault", "question": self._exchange.request_id, "service": service}
        logger.warning("request %s: fault of %s", self._exchange.request_id, service, extra=about)
        if not self._exchange.closed:
            await self._try_append(self._exchange.fault(service, "answer"))
        self._queue.put_nowait(Fault(message, code=f"{service}_unavailable"))

    async def _record_interruption(self, cause: str) -> None:
        if not self._exchange.closed:
            await self._try_append(self._exchange.interrupted(cause))

    async def _try_append(self, entry: Entry) -> None:
        """The log's writer closes what we cannot: an open request past its deadline is interrupted."""
        self._unlogged.append(entry)
        try:
            await self._log()  # a task like the windows', so that it comes after them
        except (ServiceUnavailable, AuditError):
            about = {"event": "ending_unlogged", "question": self._exchange.request_id}
            logger.warning("request %s: its ending could not be logged", self._exchange.request_id, extra=about)


def _may_leave(decision: Decision) -> bool:
    return decision.action in (Action.ALLOW, Action.REDACT)


async def durable(logged: Awaitable[list[Receipt]]) -> list[Receipt]:
    """Wait until the log has it; raises Fault when it has not."""
    try:
        return await asyncio.shield(logged)
    except ServiceUnavailable as error:
        raise Fault("the log does not answer", code="log_unavailable") from error
    except AuditError as error:
        raise Fault("the log refused a record", code="log_unavailable") from error
