"""Shapes of the records that make up one exchange: request, windows, one closing record."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from audit.fields import Count, Decided, Digest, Name, Parameter, Ppm, Shape


class Check(Shape):
    """One check's verdict."""

    check: Name
    action: Decided
    category: Name | None
    score_ppm: Ppm | None


class Judged(Shape):
    """The decision; all null when the check could not run."""

    action: Decided | None
    category: Name | None
    score_ppm: Ppm | None


def _absent() -> Any:
    """For a field that came later: where it is not given, the leaf's bytes are what they always were."""
    return Field(None, exclude_if=lambda value: value is None)


class Request(Judged):
    """A question that passed admission; text = its messages as JSON.

    pack_digest: the knowledge pack that was asked. second_look: it was let through without the names that it holds.
    """

    checks: list[Check]
    client_request_id: Annotated[str, Field(max_length=256)] | None
    model_digest: Digest
    guard_digest: Digest
    policy_digest: Digest
    terms_digest: Digest
    stream: bool
    params: dict[Name, Parameter]
    deadline_us: Count
    role: Name
    pack_digest: Digest | None = _absent()
    second_look: Literal[True] | None = _absent()


class Window(Judged):
    """Window `n` of the answer, as sent."""

    n: Count


class Usage(Shape):
    """Token counts."""

    prompt_tokens: Count
    completion_tokens: Count


class Answer(Judged):
    """End of an answer; text = all windows together, committed to but not stored again.

    The digests say what answered, under which policy. The log adds the prints of its words, for what is long enough.
    by: whether the knowledge graph or the model answered. dropped: records that the guard kept from the model.
    """

    finish_reason: Literal["stop", "length", "content_filter"]
    windows: Count
    usage: Usage
    model_digest: Digest | None = None
    policy_digest: Digest | None = None
    words_print: Digest | None = None
    words_commit: Digest | None = None
    pack_digest: Digest | None = _absent()
    by: Literal["graph", "model", "none"] | None = _absent()
    outcome: Literal["known", "empty", "withdrawn", "unknown"] | None = _absent()
    sources: Count | None = _absent()
    dropped: Count | None = _absent()


class Shown(Judged):
    """Refusal or lesson; text = what the user was shown."""

    lesson: Name | None


class Fault(Shape):
    """Something of ours failed; nothing is held against the user."""

    cause: Name
    stage: Name


class Interrupted(Shape):
    """The answer was not finished."""

    cause: Literal["disconnect", "deadline", "replica", "unknown"]
    windows: Count
