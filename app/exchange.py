"""One exchange as the log sees it: a `request` record, its windows, and exactly one closing record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.auth import Principal
from app.grounding.grounds import Grounds
from app.refusal import Refusal
from app.wire import ChatRequest
from audit.receipt import Receipt
from audit.record import Entry, Kind
from deployments.ports import LogPort
from guards.policy import Policy
from guards.verdict import Decision


@dataclass(frozen=True, slots=True)
class Identity:
    """What answers one request, and under which rules: names and SHA-256 digests that its records cite."""

    model: str
    model_digest: str
    guard_digest: str
    terms_digest: str


@dataclass(slots=True)
class Exchange:
    """Makes the entries of one request in order and appends them to the request's log."""

    request_id: str
    who: Principal
    log: LogPort
    identity: Identity
    policy: Policy
    asked: ChatRequest
    grounds: Grounds = field(default_factory=Grounds)
    closed: bool = False
    windows: int = 0
    _seq: int = field(default=0)

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Durable when it returns; see LogPort."""
        return await self.log.append(entries)

    def request(self, decision: Decision | None, about: dict[str, Any], text: str) -> Entry:
        """The question and what the guard made of it; `decision` None means the check could not run."""
        fields = {
            "checks": [
                {"check": v.check, "action": v.action.value, "category": v.category, "score_ppm": ppm(v.score)}
                for v in (decision.verdicts if decision else ())
            ],
            "model_digest": self.identity.model_digest,
            "guard_digest": self.identity.guard_digest,
            "policy_digest": self.policy.digest,
            "terms_digest": self.identity.terms_digest,
            "stream": self.asked.stream,
            "role": self.who.role.value,
        }
        return self._entry(Kind.request, fields | judged(decision) | self.grounds.on_request() | about, text)

    def window(self, decision: Decision) -> Entry:
        """One checked window, as it is sent."""
        self.windows += 1
        return self._entry(Kind.window, {"n": self.windows - 1} | judged(decision), decision.text)

    def answer(self, finish_reason: str, decision: Decision | None, usage: dict[str, int], text: str) -> Entry:
        """The closing record of an answer; commits to the concatenation of its windows, and says who made it."""
        counted = {key: usage[key] for key in ("prompt_tokens", "completion_tokens")}
        fields = {
            "finish_reason": finish_reason,
            "windows": self.windows,
            "usage": counted,
            "model_digest": self.identity.model_digest,
            "policy_digest": self.policy.digest,
        }
        return self._close(Kind.answer, fields | judged(decision) | self.grounds.on_answer(), text)

    def refusal(self, decision: Decision, text: str) -> Entry:
        """The closing record of a refused question."""
        return self._close(Kind.refusal, {"lesson": None} | judged(decision), text)

    def lesson(self, decision: Decision, lesson: str, text: str) -> Entry:
        """The closing record of a question that brought a lesson first."""
        return self._close(Kind.lesson, {"lesson": lesson} | judged(decision), text)

    def fault(self, cause: str, stage: str) -> Entry:
        """The closing record when something of ours could not do its part."""
        return self._close(Kind.fault, {"cause": cause, "stage": stage}, None)

    def interrupted(self, cause: str) -> Entry:
        """The closing record when the answer was not finished."""
        return self._close(Kind.interrupted, {"cause": cause, "windows": self.windows}, None)

    def describe(
        self, action: str, decision: Decision | None, receipt: Receipt | None, lesson: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The `preceptor` object that rides on every answer and refusal; with a refusal it says what to do now."""
        refusal = self.reason(decision) if action == "REFUSE" and decision else None
        verdict = None if decision is None else {"category": decision.category, "score": decision.score}
        return {
            "request_id": self.request_id,
            "action": action,
            "verdict": verdict,
            "receipt": receipt.proof if receipt else None,
            "lesson": lesson,
            "sources": self.grounds.describe_sources(),
            "knowledge": self.grounds.describe(),
            "model": {"name": self.identity.model, "digest": self.identity.model_digest},
            "policy": {"version": self.policy.version, "digest": self.policy.digest},
        } | ({"refusal": refusal.describe()} if refusal else {})

    def reason(self, decision: Decision) -> Refusal | None:
        """Why, and what now; None for a decision in no category."""
        if decision.category is None:
            return None
        return Refusal.of(self.policy, decision.category, self.request_id, "\n".join(self.asked.user_turns))

    def _close(self, kind: Kind, fields: dict[str, Any], text: str | None) -> Entry:
        self.closed = True
        return self._entry(kind, fields, text)

    def _entry(self, kind: Kind, fields: dict[str, Any], text: str | None) -> Entry:
        self._seq += 1
        return Entry(kind, self.request_id, self._seq - 1, self.who.tenant, self.who.subject, fields, text)


def ppm(score: float) -> int:
    """A score in parts per million: records hold no floats."""
    return round(score * 1_000_000)


def judged(decision: Decision | None) -> dict[str, Any]:
    """A decision as records hold it; all null where the check could not run."""
    if decision is None:
        return {"action": None, "category": None, "score_ppm": None}
    return {"action": decision.action.value, "category": decision.category, "score_ppm": ppm(decision.score)}
