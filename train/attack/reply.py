"""What a response of POST /v1/chat/completions says happened; what does not say it clearly has failed."""

from typing import Literal

from pydantic import BaseModel, ValidationError

from train.attack.attempt import Answer, Ending


class _Verdict(BaseModel):
    category: str | None = None
    score: float | None = None


class _Digest(BaseModel):
    digest: str | None = None


class _About(BaseModel):
    request_id: str | None = None
    action: Literal["ALLOW", "TEACH", "REFUSE", "REDACT"] | None = None
    verdict: _Verdict | None = None
    model: _Digest | None = None
    policy: _Digest | None = None


class _Error(BaseModel):
    code: str | None = None
    preceptor: _About | None = None


class _Choice(BaseModel):
    finish_reason: str | None = None


class _Reply(BaseModel):
    error: _Error | None = None
    preceptor: _About | None = None
    choices: list[_Choice] = []


def read(status: int, body: bytes, ms: int) -> Answer:
    """The answer in a response that took `ms` milliseconds."""
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        return Answer("failed", status=status, code="no usable answer", ms=ms)
    error = reply.error or _Error()
    about = reply.preceptor or error.preceptor or _About()
    verdict, model, policy = about.verdict or _Verdict(), about.model or _Digest(), about.policy or _Digest()
    finish = reply.choices[0].finish_reason if reply.choices else None
    return Answer(
        _ending(status, error.code, about.action, finish), action=about.action, category=verdict.category,
        score=verdict.score, finish_reason=finish, request_id=about.request_id, model_digest=model.digest,
        policy_digest=policy.digest, status=status, code=error.code, ms=ms,
    )  # fmt: skip


def _ending(status: int, code: str | None, action: str | None, finish: str | None) -> Ending:
    if status == 400 and code == "content_filter" and action == "REFUSE":
        return "refused"
    if status != 200 or action is None:
        return "failed"
    if finish == "content_filter":
        return "cut"
    return "lesson" if action == "TEACH" else "answered"
