"""What comes back from asking, as JSON Schema tells it. Documentation only: the routes answer with plain dictionaries,
and tests hold each answer against these shapes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.auth import Role

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class Reply(BaseModel):
    """A shape without other fields."""

    model_config = ConfigDict(extra="forbid")


class Verdict(Reply):
    """What the guard found; `category` is null where nothing was found."""

    category: str | None
    score: float


class Named(Reply):
    """Which model answers."""

    name: str
    digest: Digest


class Ruled(Reply):
    """By which policy."""

    version: str
    digest: Digest


class LessonReply(Reply):
    """A lesson; `pass_url` is null where nothing is to pass."""

    id: str
    title: str
    text: str
    questions: list[str]
    pass_url: str | None


class Appealing(Reply):
    """How to appeal."""

    method: Literal["POST"]
    url: str
    body: dict[str, str]


class Reason(Reply):
    """Why something is refused, and the ways on."""

    clause: str
    offer: str
    appeal: Appealing


class SourceReply(Reply):
    """One record that an answer rests on; `digest` is the SHA-256 of the bytes that it was read from."""

    id: str
    title: str
    url: str
    licence: str
    digest: Digest


class Grounded(Reply):
    """What the knowledge base gave: `unknown` are identifiers that the answer names and the pack has not, `dropped`
    counts records that the guard kept from the model."""

    pack: Digest
    by: Literal["graph", "model", "none"]
    outcome: Literal["known", "empty", "withdrawn", "unknown"] | None
    unknown: list[str]
    dropped: int


class Preceptor(Reply):
    """The decision and its receipt (tlog-proof text); rides on every answer and every refusal of the guard."""

    request_id: str
    action: Literal["ALLOW", "TEACH", "REFUSE", "REDACT"]
    verdict: Verdict | None
    receipt: str | None
    lesson: LessonReply | None
    sources: list[SourceReply]
    knowledge: Grounded | None = None
    model: Named
    policy: Ruled
    refusal: Reason | None = None
    cause: Literal["fault"] | None = None


class FaultCause(Reply):
    """Stands where something of ours failed before there was a decision."""

    cause: Literal["fault"]


class ErrorBody(Reply):
    """As OpenAI clients read it."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: str | None
    code: str
    preceptor: Preceptor | FaultCause | None = None


class Error(Reply):
    """Every refusal; `detail` repeats the message."""

    error: ErrorBody
    detail: str


class Said(Reply):
    """The answer."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(Reply):
    """There is one."""

    index: Literal[0]
    message: Said
    logprobs: None
    finish_reason: Literal["stop", "length", "content_filter"]


class Usage(Reply):
    """Tokens."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class Completion(Reply):
    """A chat.completion of OpenAI's, with `preceptor`."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    preceptor: Preceptor


class Model(Reply):
    """A model that may be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    digest: Digest


class Models(Reply):
    """All of them."""

    object: Literal["list"]
    data: list[Model]


class TermsState(Reply):
    """The current terms, and whether the person has accepted them."""

    version: str
    digest: Digest
    accepted: bool


class Session(Reply):
    """Who is signed in; `expires_at` in seconds since 1970, `model` the one to ask."""

    subject: str
    tenant: str
    role: Role
    expires_at: int
    model: str
    terms: TermsState


class WayReply(Reply):
    """An issuer at which people sign in: what stands on the button, and where it leads."""

    name: str
    url: str


class Ways(Reply):
    """How one may sign in to the page; `key` is always true."""

    key: bool
    oidc: list[WayReply]


class Health(Reply):
    """The Gateway runs."""

    status: Literal["ok"]


class Holdings(Reply):
    """The knowledge pack that is read; `absent` are the titles of sources that it lacks, `latest` how far each goes."""

    pack: Digest | None
    vectors: bool
    absent: dict[str, str]
    latest: dict[str, str | None]


class HeldSource(Reply):
    """A source of the pack, with the notice that its licence asks for."""

    title: str
    licence: str
    licence_url: str
    attribution: str
    citation: str
    latest: str | None


class Knowledge(Holdings):
    """What answers are looked up in."""

    sources: dict[str, HeldSource]


class Readiness(Reply):
    """`problem` says why questions fail although the Gateway is ready; in production an unsigned policy is one."""

    status: Literal["ready", "degraded"]
    problem: str | None = None
    model: str
    digest: Digest
    policy: Digest
    policy_signed: bool
    knowledge: Holdings
