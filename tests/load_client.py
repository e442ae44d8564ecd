"""A learner of a load or fault test: asks over a connection of its own, streamed, and tells whatever became of it.

    tutor = Tutor.at(url, model)                          # http or https
    heard = await ask(tutor, key, Asked("graph", "What is CVE-2021-44228?", 48), number=7, at=moment)
    file.write(json.dumps(heard.to_json()) + "\\n")        # one line of a journal: no text, no key

`ask` never raises, whatever the tutor does: what went wrong is in the fields. Cancelling it hangs up. Every moment is
of `time.monotonic()`, which all processes of a machine share; `at` is when the question was meant to leave, and latency
counts from then, so that a tutor that stalls cannot hide it by holding back its clients ("coordinated omission").
"""

import asyncio
import hashlib
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import httptools

TIMEOUT_S = 240.0  # longer than Serve's own


@dataclass(frozen=True, slots=True)
class Tutor:
    """Where to ask, and for which model."""

    host: str
    port: int
    model: str = "smollm2-135m-instruct"
    tls: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: str, model: str = "smollm2-135m-instruct") -> Self:
        """The tutor at a URL."""
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), model, tls)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; `kind` is whatever the caller sorts by, and stands in the journal instead of the text."""

    kind: str
    text: str
    max_tokens: int = 48
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What one learner heard; a moment is None where that never came.

    status: 0 where no answer began. code: of an error, which may come in the middle of a stream. action and by: what
    the tutor says that it did, and whether the knowledge base or the model spoke. failure: "" or how the connection
    ended too early: `cut`, `unreadable`, or the exception's name. body: every byte that came.
    """

    number: int
    kind: str
    intended_at: float
    sent_at: float | None = None
    first_at: float | None = None
    ended_at: float | None = None
    status: int = 0
    request_id: str = ""
    finish: str = ""
    code: str = ""
    action: str = ""
    by: str = ""
    failure: str = ""
    windows: int = 0
    tokens: int = 0
    text: str = ""
    receipts: tuple[str, ...] = ()
    body: str = field(default="", repr=False)

    @property
    def outcome(self) -> str:
        """answered, refused (by the guard), limited (429), unavailable (503), error (any other status), broken (an
        answer that began and did not end as it should), unreachable (none began)."""
        if self.status == 200:
            return "answered" if self.finish and not self.code and not self.failure else "broken"
        if self.failure or not self.status:
            return "unreachable"
        if self.code == "content_filter":
            return "refused"
        return {429: "limited", 503: "unavailable"}.get(self.status, "error")

    @property
    def is_served(self) -> bool:
        """Whether the learner got what the tutor has for such a question, a refusal by the guard included."""
        return self.outcome in {"answered", "refused"}

    @property
    def first_s(self) -> float | None:
        """Seconds from when it was meant to leave to the first window, or to a refusal's end."""
        return None if self.first_at is None else self.first_at - self.intended_at

    @property
    def end_s(self) -> float | None:
        """Seconds from when it was meant to leave to the end."""
        return None if self.ended_at is None else self.ended_at - self.intended_at

    @property
    def digest(self) -> str:
        """SHA-256 of the text that came, as hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A journal line: instead of text its length in bytes and its digest."""
        names = ("number", "kind", "intended_at", "sent_at", "first_at", "ended_at", "status", "request_id", "finish",
                 "code", "action", "by", "failure", "windows", "tokens", "outcome", "digest")  # fmt: skip
        told = {name: getattr(self, name) for name in names} | {"bytes": len(self.text.encode())}
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in told.items()}


async def ask(
    tutor: Tutor, key: str, asked: Asked, *, number: int = 0, at: float | None = None, timeout_s: float = TIMEOUT_S
) -> Heard:
    """Ask at the moment `at`, or now; at most `timeout_s` from then."""
    intended_at = time.monotonic() if at is None else at
    if (wait_s := intended_at - time.monotonic()) > 0:
        await asyncio.sleep(wait_s)
    loop = asyncio.get_running_loop()
    hearing, transport, sent_at = _Hearing(loop.create_future()), None, None
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await loop.create_connection(lambda: hearing, tutor.host, tutor.port, ssl=tutor.tls)
            sent_at = time.monotonic()
            transport.write(_request(tutor, key, asked))
            failure = await hearing.ended
    except OSError as error:  # also TimeoutError
        failure = type(error).__name__
    finally:
        if transport is not None:
            transport.abort()
    return _heard(Heard(number, asked.kind, intended_at, sent_at), hearing, failure)


def _request(tutor: Tutor, key: str, asked: Asked) -> bytes:
    body = json.dumps(
        {
            "model": tutor.model, "messages": [{"role": "user", "content": asked.text}], "seed": asked.seed,
            "max_tokens": asked.max_tokens, "stream": True, "stream_options": {"include_usage": True},
        }
    ).encode()  # fmt: skip
    lines = ("POST /v1/chat/completions HTTP/1.1", f"Host: {tutor.host}:{tutor.port}", f"Authorization: Bearer {key}",
             "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close", "", "")  # fmt: skip
    return "\r\n".join(lines).encode() + body


class _Hearing(asyncio.Protocol):
    """One response as it comes. The moment of a window is that of its bytes, not when somebody found time to look."""

    def __init__(self, ended: asyncio.Future[str]) -> None:
        self.ended = ended
        self.ended_at: float | None = None
        self.first_at: float | None = None
        self.status, self.fields = 0, dict[str, str]()
        self.body = bytearray()
        self.parts = list[Mapping[str, Any]]()
        self._read = 0
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("unreadable")

    def connection_lost(self, error: Exception | None) -> None:
        self._end(type(error).__name__ if error else "cut")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        self.body += part
        while self.status == 200 and (end := self.body.find(b"\n", self._read)) >= 0:
            line, self._read = self.body[self._read : end], end + 1
            if line.startswith(b"data: {"):
                self._frame(json.loads(line[6:]))

    def on_message_complete(self) -> None:
        if self.status != 200:
            self.parts.append(_json(bytes(self.body)))
            self.first_at = time.monotonic()
        self._end("")

    @property
    def rest(self) -> str:
        """What came of a frame that was cut."""
        return self.body[self._read :].decode(errors="ignore") if self.status == 200 else ""

    def _frame(self, part: Mapping[str, Any]) -> None:
        self.parts.append(part)
        if self.first_at is None and (content(part) or "error" in part):
            self.first_at = time.monotonic()

    def _end(self, failure: str) -> None:
        if not self.ended.done():
            self.ended_at = time.monotonic()
            self.ended.set_result(failure)


def _heard(begun: Heard, hearing: _Hearing, failure: str) -> Heard:
    parts = hearing.parts
    errors = [part["error"] for part in parts if isinstance(part.get("error"), dict)]
    abouts = [each for part in [*parts, *errors] if isinstance(each := part.get("preceptor"), dict)]
    about: dict[str, Any] = abouts[-1] if abouts else {}
    shown = [content(part) for part in parts] + [content_of_a_piece(hearing.rest)]
    shown += [error["message"] for error in errors if error.get("code") == "content_filter"]
    return Heard(
        begun.number, begun.kind, begun.intended_at, begun.sent_at, hearing.first_at,
        hearing.ended_at or time.monotonic(), hearing.status,
        hearing.fields.get("x-preceptor-request-id") or about.get("request_id") or "",
        "".join(_finishes(parts)), errors[-1].get("code") or "" if errors else "",
        about.get("action") or "", (about.get("knowledge") or {}).get("by") or "", failure,
        sum(bool(content(part)) for part in parts),
        sum((part.get("usage") or {}).get("completion_tokens", 0) for part in parts),
        "".join(shown), tuple(receipt for each in abouts if (receipt := each.get("receipt"))),
        hearing.body.decode(errors="ignore"),
    )  # fmt: skip


def content(part: Mapping[str, Any]) -> str:
    """The text in a frame."""
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in part.get("choices") or ())


def content_of_a_piece(part: str) -> str:
    """What is readable in a frame whose end did not come."""
    _, found, rest = part.partition('"content":')
    rest = rest.lstrip()
    with suppress(ValueError):
        return str(json.JSONDecoder().raw_decode(rest)[0]) if found else ""
    for end in range(len(rest), max(0, len(rest) - 12), -1):  # an escape may have been cut too
        try:
            return str(json.loads(rest[:end] + '"'))
        except ValueError:
            continue
    return ""


def _finishes(parts: list[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        for choice in part.get("choices") or ():
            yield choice.get("finish_reason") or ""


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
