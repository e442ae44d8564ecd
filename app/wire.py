"""The OpenAI wire form: requests parsed strictly, responses and SSE frames written. Fields that would carry text we
neither check nor log are refused by name."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.errors import BadRequest
from deployments.chat import Turn

Shape = TypeVar("Shape", bound=BaseModel)
StopWord = Annotated[str, Field(max_length=256)]


class TextPart(BaseModel):
    """One part of a message; only text is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One message; `system` and `developer` from a client are untrusted input like any other."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        """The message's text, parts joined."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """`include_usage` adds a last chunk with token counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    include_usage: bool = False


class ChatRequest(BaseModel):
    """Body of POST /v1/chat/completions. Null counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: StopWord | Annotated[list[StopWord], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: Annotated[str, Field(max_length=256)] | None = None

    @field_validator("messages")
    @classmethod
    def _someone_asks(cls, messages: list[Message]) -> list[Message]:
        if not any(message.role == "user" and message.text.strip() for message in messages):
            raise ValueError("expected at least one user message with text")
        return messages

    @property
    def limit(self) -> int | None:
        """The asked number of new tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings as a tuple."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def turns(self) -> list[Turn]:
        """The conversation for the model: a client's system text speaks as a user, ours alone as the system."""
        return [Turn("assistant" if m.role == "assistant" else "user", m.text) for m in self.messages]

    @property
    def conversation(self) -> str:
        """All text of the request, for the guard."""
        return "\n\n".join(message.text for message in self.messages)

    @property
    def user_turns(self) -> tuple[str, ...]:
        """The turns that are not the assistant's."""
        return tuple(message.text for message in self.messages if message.role != "assistant")

    @property
    def assistant_turns(self) -> tuple[str, ...]:
        """What the client says that the assistant said."""
        return tuple(message.text for message in self.messages if message.role == "assistant")

    @property
    def said(self) -> str:
        """All text that the client sent, as JSON for the log; `stop` and `user` only where given."""
        messages = [{"role": m.role, "content": m.text} for m in self.messages]
        others = {name: value for name, value in (("stop", list(self.stops)), ("user", self.user)) if value}
        return json.dumps({"messages": messages} | others, ensure_ascii=False)


def parse_json(body: bytes) -> dict[str, Any]:
    """JSON object out of a body; raises BadRequest, never anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"expected a JSON object, came something that does not parse: {type(error).__name__}"
        ) from error
    if not isinstance(value, dict):
        raise BadRequest(f"expected a JSON object, came {type(value).__name__}")
    _check_text(value)
    return {key: item for key, item in value.items() if item is not None}


def parse_chat(body: bytes, max_messages: int) -> ChatRequest:
    """Validate a chat request; raises BadRequest that names the field, what was expected and what came."""
    raw = parse_json(body)
    messages = raw.get("messages")
    if isinstance(messages, list) and len(messages) > max_messages:
        raise BadRequest(f"expected at most {max_messages} messages, came {len(messages)}", param="messages")
    try:
        return ChatRequest.model_validate(raw)
    except ValidationError as error:
        raise _explain(error) from error


def parse_model(shape: type[Shape], body: bytes) -> Shape:
    """Validate another JSON body against a pydantic shape; raises BadRequest."""
    try:
        return shape.model_validate(parse_json(body))
    except ValidationError as error:
        raise _explain(error) from error


def _explain(error: ValidationError) -> BadRequest:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return BadRequest(
            f"{param} is not supported: it would carry text that is neither checked nor logged",
            code="unsupported_parameter",
            param=param,
        )
    return BadRequest(f"{param}: {first['msg']}", param=param)


def _check_text(value: Any) -> None:
    """Refuse NUL and lone surrogates: they cannot be stored or shown faithfully."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            if "\0" in item:
                raise BadRequest("expected text without NUL characters")
            if not item.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in item):
                raise BadRequest("expected well-formed Unicode, came a lone surrogate")


def completion(request_id: str, model: str, created: int, text: str, closing: dict[str, Any]) -> dict[str, Any]:
    """A whole chat.completion object; `closing` holds finish_reason, usage and preceptor."""
    return {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": closing["finish_reason"],
            }
        ],
        "usage": closing["usage"],
        "preceptor": closing["preceptor"],
    }


def chunk(
    request_id: str, model: str, created: int, delta: dict[str, Any], closing: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One chat.completion.chunk; the closing one carries finish_reason and the preceptor object."""
    made: dict[str, Any] = {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
    }
    if closing is not None:
        made["choices"][0]["finish_reason"] = closing["finish_reason"]
        made["preceptor"] = closing["preceptor"]
    return made


def sse(value: dict[str, Any] | str) -> bytes:
    """One server-sent event."""
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"data: {data}\n\n".encode()
