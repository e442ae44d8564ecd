"""The life of one question, in eight steps. This file is the story; the parts are told elsewhere."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from uuid_utils import uuid7

from app.auth import Principal
from app.control import ControlView
from app.errors import BadRequest, Fault, NotAllowed, NotAuthenticated, NotFound, Refused
from app.exchange import Exchange, Identity, ppm
from app.generation import Closing, Event, Generation, Window, durable
from app.grounding import consulting, reading
from app.grounding.consulting import NoKnowledge, Ruling
from app.grounding.grounds import Grounds
from app.grounding.reading import Reader
from app.identity.identities import Identities, reported
from app.limiting.limiter import Limiter
from app.limiting.queue import FairQueue
from app.rulebook import Rulebook, Rules
from app.settings import Limits
from app.shadow import Shadow
from app.signoff import Digests
from app.terms import Lesson, Terms
from app.wire import ChatRequest, parse_chat
from audit.record import Entry
from deployments import metrics, tracing
from deployments.chat import SYSTEM, BadConversation, ChatFormat, Turn
from deployments.generation import Sampling
from deployments.meter import Meter, Silent
from deployments.ports import KnowledgePort, LogPort, ModelPort
from guards.errors import GuardFault
from guards.policy import Policy
from guards.verdict import Action, Context, Decision, Stage

DEFAULT_MAX_TOKENS = 256
DEFAULTS = Sampling(max_tokens=1)
UNSIGNED = "policy_unsigned"
SIGNING_TAKES_S = 60  # a person has to do it


@dataclass(frozen=True, slots=True)
class Question:
    """A request that passed admission, and the rules and the model by which it is answered to its end."""

    id: str
    who: Principal
    asked: ChatRequest
    prompt: Sequence[int]
    sampling: Sampling
    rules: Rules
    identity: Identity
    client_request_id: str | None


@dataclass(frozen=True, slots=True)
class Tutor:
    """Everything one answer needs; holds no state of its own. `name` is that of the model."""

    name: str
    keys: Identities
    control: ControlView
    logs: Sequence[LogPort]
    rulebook: Rulebook
    shadow: Shadow
    model: ModelPort
    chat: ChatFormat
    terms: Terms
    lessons: Mapping[str, Lesson]
    limiter: Limiter
    queue: FairQueue
    limits: Limits
    strict: bool
    tenants: Mapping[str, Sequence[int]] = field(default_factory=dict)
    library: KnowledgePort = field(default_factory=NoKnowledge)
    meter: Meter = field(default_factory=lambda: Meter(Silent()))
    ethics_digest: str = ""
    signed_only: bool = False

    def identity(self, rules: Rules) -> Identity:
        """What would answer now under these rules; raises Fault when no model is active."""
        return Identity(self.name, self.control.promoted(self.name), rules.guard_digest, self.terms.digest)

    async def identify(self, headers: dict[str, str]) -> Principal:
        """Step 1: who asks. Raises NotAuthenticated, or Fault when that cannot be told."""
        with reported():
            named = await self.keys.read(headers)
            for who in named:
                tag = await self.control.tag(who.tenant, who.subject)
                self.control.require_fresh()
                if self.control.state.is_revoked(tag, who.jti, who.issued * 1_000_000):
                    raise NotAuthenticated("this key was revoked", code="revoked_api_key")
            return named[-1]

    def admit(self, who: Principal, body: bytes, headers: dict[str, str]) -> Question:
        """Step 2, after limits and size (app.incoming): room in the queue, schema, model, context length.

        What is refused here never reaches the model.
        """
        self.queue.require_room(who)
        asked = parse_chat(body, self.limits.messages)
        if asked.model != self.name:
            raise NotFound(
                f"expected model {self.name!r}, came {asked.model[:100]!r}",
                code="model_not_found",
                param="model",
            )
        prompt = self._encode(asked)
        room = self.chat.context - len(prompt)
        sampling = Sampling(
            max_tokens=min(asked.limit or DEFAULT_MAX_TOKENS, room),
            temperature=_as_logged(DEFAULTS.temperature if asked.temperature is None else asked.temperature),
            top_p=_as_logged(asked.top_p or DEFAULTS.top_p),
            seed=asked.seed,
            stop=asked.stops,
        )
        given_id = headers.get("x-request-id", "")[:256] or None
        rules = self.rulebook.rules_for(who.tenant, who.subject)
        return Question(str(uuid7()), who, asked, prompt, sampling, rules, self.identity(rules), given_id)

    async def answer(self, question: Question) -> AsyncGenerator[Event]:
        """Steps 3 to 8: windows as they become safe to send, then one Closing. Raises PreceptorError."""
        self.require_signed(question.rules)
        tag = await self.require_terms(question.who)  # 3
        async with self.queue.slot(question.who) as slot:
            self.meter.measure(metrics.QUEUE_SECONDS, slot.waited_s)
            rules, asked = question.rules, question.asked
            log = self.log_of(question.who.tenant, question.id)
            exchange = Exchange(question.id, question.who, log, question.identity, rules.policy, asked)
            context = _context(asked, await self.control.passes(tag, rules.policy.file_digest))
            ruling = await self._rule(exchange, question, context)  # 4
            decision, exchange.grounds = ruling.decision, ruling.grounds
            context = replace(context, request="" if ruling.grounds.text else context.request)
            self.shadow.look(self.rulebook.shadow, question.id, asked.conversation, context, log)
            request = self._request_entry(exchange, question, decision)  # 5
            if decision.action is Action.REFUSE:
                await self._refuse(exchange, request, decision)
            if decision.action is Action.TEACH:
                for event in await self._teach(exchange, request, decision):
                    yield event
                return
            reader = self._reader(question, ruling.grounds)
            at_once = self.strict or not asked.stream
            generation = Generation(exchange, rules.guard, reader, self.limits.deadline_s, slot.free, at_once=at_once)
            events = generation.events(question.sampling, context, request)  # 6, 7, 8
            try:
                async with aclosing(self._delivered(events)) as delivered:
                    async for event in delivered:
                        yield event
            finally:
                await self.limiter.spend(question.who, generation.tokens)

    def is_signed(self, rules: Rules) -> bool:
        """Whether whoever holds the sign-off key approved these rules with these terms and this ethics statement."""
        return self.control.state.signoffs.cover(Digests(rules.policy.digest, self.terms.digest, self.ethics_digest))

    def require_signed(self, rules: Rules) -> None:
        """Raises Fault in production under rules that nobody signed, or that changed since."""
        if self.signed_only and not self.is_signed(rules):
            raise Fault("the policy in force is not signed off", code=UNSIGNED, retry_after_s=SIGNING_TAKES_S)

    async def require_terms(self, who: Principal) -> str:
        """Step 3: the acceptance of the current terms is a record in the control log."""
        tag = await self.control.tag(who.tenant, who.subject)
        if not await self.control.has_accepted(tag, self.terms.digest):
            raise NotAllowed(
                f"accept the terms first: GET /v1/terms, then POST /v1/terms with digest {self.terms.digest}",
                code="terms_not_accepted",
            )
        return tag

    async def _check_prompt(self, exchange: Exchange, question: Question, context: Context) -> Decision:
        """Step 4: the whole conversation; a check that could not run is a fault, logged as unchecked."""
        try:
            with tracing.span("check", stage=Stage.PROMPT.value):
                return await question.rules.guard.check(question.asked.conversation, Stage.PROMPT, context)
        except GuardFault as error:
            request = self._request_entry(exchange, question, None)
            receipts = await durable(exchange.append([request, exchange.fault("guard", "prompt")]))
            fault = Fault("the guard could not judge this request", code="guard_unavailable")
            fault.preceptor = {"cause": "fault"} | exchange.describe("REFUSE", None, receipts[-1])
            raise fault from error

    async def _rule(self, exchange: Exchange, question: Question, context: Context) -> Ruling:
        """Step 4, the guard's word, and beside it what the knowledge base holds: together they say what may be told."""
        consulted = consulting.begin(self.library, question.asked)
        try:
            decision = await self._check_prompt(exchange, question, context)
            return await consulting.weigh(await consulted, decision, question.rules, question.asked)
        finally:
            consulted.cancel()

    def _reader(self, question: Question, grounds: Grounds) -> Reader:
        asked, prompt, sampling = question.asked, question.prompt, question.sampling
        return reading.begin(self.model, self.chat, self.library, asked, prompt, sampling, grounds)

    def _request_entry(self, exchange: Exchange, question: Question, decision: Decision | None) -> Entry:
        """Step 5: the request and the decision, as a record."""
        sampling, deadline_us = question.sampling, int(self.limits.deadline_s * 1_000_000)
        about = {
            "client_request_id": question.client_request_id,
            "deadline_us": now_us() + deadline_us,
            "params": {
                "max_tokens": sampling.max_tokens,
                "temperature_ppm": ppm(sampling.temperature),
                "top_p_ppm": ppm(sampling.top_p),
                "seed": None if sampling.seed is None else str(sampling.seed),  # 64 bits: too wide for JSON readers
            },
        }
        return exchange.request(decision, about, question.asked.said)

    async def _refuse(self, exchange: Exchange, request: Entry, decision: Decision) -> None:
        reason = exchange.reason(decision)
        shown = reason.shown() if reason else "This is refused."
        receipts = await durable(exchange.append([request, exchange.refusal(decision, shown)]))
        raise Refused(shown, exchange.describe("REFUSE", decision, receipts[-1]))

    async def _teach(self, exchange: Exchange, request: Entry, decision: Decision) -> tuple[Event, Event]:
        lesson = self._lesson_for(exchange.policy, decision.category)
        entries = [request, exchange.lesson(decision, lesson.id, lesson.shown())]
        receipts = await durable(exchange.append(entries))
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        about = exchange.describe("TEACH", decision, receipts[-1], lesson.describe())
        return Window(lesson.shown()), Closing("stop", usage, about)

    async def _delivered(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """Window by window, or under `strict` the whole answer at once."""
        held = ""
        async with aclosing(events) as given:
            async for event in given:
                if not self.strict:
                    yield event
                elif isinstance(event, Window):
                    held += event.text
                else:
                    if held and event.finish_reason != "content_filter":
                        yield Window(held)
                    yield event

    def _lesson_for(self, policy: Policy, category: str | None) -> Lesson:
        name = policy.category(category).lesson if category else None
        if name is None:
            raise GuardFault(f"expected a lesson for {category}, got none")
        return self.lessons[name]

    def _encode(self, asked: ChatRequest) -> list[int]:
        longest = self.chat.context
        if len(asked.conversation) > longest * 64:  # no tokenizer packs more; spares the work
            raise _too_long(longest, "far more")
        try:
            prompt = self.chat.encode([Turn("system", SYSTEM), *asked.turns])
        except BadConversation as error:
            raise BadRequest(str(error), param="messages") from error
        if len(prompt) >= longest:
            raise _too_long(longest, str(len(prompt)))
        return prompt

    def logs_of(self, tenant: str) -> Sequence[LogPort]:
        """The exchange logs that hold this tenant's requests: its own alone, else those that nobody owns."""
        owned = {number for numbers in self.tenants.values() for number in numbers}
        mine = self.tenants.get(tenant) or [number for number in range(len(self.logs)) if number not in owned]
        return [self.logs[number] for number in mine]

    def log_of(self, tenant: str, request_id: str) -> LogPort:
        """The exchange log that holds this request of the tenant; a request never moves."""
        logs = self.logs_of(tenant)
        return logs[int(request_id.replace("-", "")[-12:], 16) % len(logs)]


def _context(asked: ChatRequest, passes: frozenset[str]) -> Context:
    return Context(
        request=asked.conversation,
        passes=passes,
        history=asked.user_turns,
        others=asked.assistant_turns,
        system=SYSTEM,
    )


def _too_long(longest: int, came: str) -> BadRequest:
    return BadRequest(
        f"expected fewer than {longest} tokens of context, came {came}",
        code="context_length_exceeded",
        param="messages",
    )


def _as_logged(share: float) -> float:
    """Exactly what the record will say, in parts per million; below that it is none."""
    return ppm(share) / 1_000_000


def now_us() -> int:
    return time.time_ns() // 1000
