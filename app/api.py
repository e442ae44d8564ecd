"""The HTTP surface: bytes in, events out. Rules live in app.answer; this file only speaks OpenAI's dialect."""

import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from app import findings, reviews, wire
from app.answer import Question, Tutor
from app.desk import Desk
from app.errors import BadRequest, Fault, MethodNotAllowed, NotFound, PreceptorError
from app.generation import Closing, Event, Window
from app.incoming import plain_headers, read_body
from app.records import routes

logger = logging.getLogger("ray.serve")


def create_app(tutor: Tutor, counts: Counter[str], desk: Desk) -> FastAPI:
    """The application; `counts` gathers refusals before admission for the log's tick records."""
    app = FastAPI(title="Preceptor", version="1", redoc_url=None)
    app.include_router(routes(tutor))
    app.include_router(reviews.routes(tutor, desk))
    app.include_router(findings.routes(tutor))
    _chat_route(app, tutor)
    _model_routes(app, tutor)
    _health_routes(app, tutor)
    _speak_openai(app, counts)
    return app


def _chat_route(app: FastAPI, tutor: Tutor) -> None:
    @app.post("/v1/chat/completions", summary="Ask, as with OpenAI; `preceptor` carries decision and receipt")
    async def chat(request: Request) -> Response:
        started = time.monotonic()
        headers = plain_headers(request)
        who = tutor.identify(headers)
        question = tutor.admit(who, await read_body(request, tutor.limits.body_bytes), headers)
        rest = tutor.answer(question)
        event = await anext(rest)  # before a response is built, so that every refusal has its HTTP status
        # Ray's proxy appends an x-request-id of its own to every response, so ours has its own name.
        sent = {"x-preceptor-request-id": question.id} | tutor.limiter.headers(who)
        sent["openai-processing-ms"] = str(int((time.monotonic() - started) * 1000))
        if question.asked.stream:
            sent["cache-control"] = "no-store"
            return StreamingResponse(_stream(question, event, rest), media_type="text/event-stream", headers=sent)
        return JSONResponse(await _collect(question, event, rest), headers=sent)


def _model_routes(app: FastAPI, tutor: Tutor) -> None:
    @app.get("/v1/models", summary="The models that may be asked")
    async def models(request: Request) -> dict[str, Any]:
        tutor.identify(plain_headers(request))
        return {"object": "list", "data": [_model(tutor)]}

    @app.get("/v1/models/{name}", summary="One model")
    async def model(name: str, request: Request) -> dict[str, Any]:
        tutor.identify(plain_headers(request))
        if name != tutor.name:
            raise NotFound(f"expected model {tutor.name!r}, came {name[:100]!r}", code="model_not_found")
        return _model(tutor)


def _health_routes(app: FastAPI, tutor: Tutor) -> None:
    @app.get("/healthz", summary="The Gateway runs")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="The Gateway reads the control log; `problem` says why questions fail")
    async def readyz() -> dict[str, str]:
        identity, problem = tutor.identity(tutor.rulebook.rules), await tutor.model.problem()
        # A model that is refused is told here, but with 200: a balancer that sent nobody to us any more would also keep
        # out the operator, whose next promotion ends it.
        told = {"status": "degraded", "problem": problem} if problem else {"status": "ready"}
        about = {"model": identity.model, "digest": identity.model_digest}
        return told | about | {"policy": tutor.rulebook.rules.policy.digest}


async def _collect(question: Question, event: Event, rest: AsyncGenerator[Event]) -> dict[str, Any]:
    text = ""
    async with aclosing(rest):
        while isinstance(event, Window):
            text += event.text
            event = await anext(rest)
    return wire.completion(question.id, question.asked.model, int(time.time()), text, _closing(event))


async def _stream(question: Question, event: Event, rest: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    name, created = question.asked.model, int(time.time())
    try:
        yield wire.sse(wire.chunk(question.id, name, created, {"role": "assistant", "content": ""}))
        while isinstance(event, Window):
            yield wire.sse(wire.chunk(question.id, name, created, {"content": event.text}))
            event = await anext(rest)
        yield wire.sse(wire.chunk(question.id, name, created, {}, _closing(event)))
        if question.asked.stream_options and question.asked.stream_options.include_usage:
            yield wire.sse(
                wire.chunk(question.id, name, created, {}) | {"choices": [], "usage": _closing(event)["usage"]}
            )
        yield wire.sse("[DONE]")
    except PreceptorError as error:  # the status line is gone; OpenAI clients raise on this event
        yield wire.sse(error.body())
    finally:
        await rest.aclose()


def _closing(event: Event) -> dict[str, Any]:
    assert isinstance(event, Closing)  # noqa: S101  an answer ends with its one Closing
    return {"finish_reason": event.finish_reason, "usage": event.usage, "preceptor": event.preceptor}


def _model(tutor: Tutor) -> dict[str, Any]:
    identity = tutor.identity(tutor.rulebook.rules)
    return {
        "id": identity.model,
        "object": "model",
        "created": 1738886400,
        "owned_by": "preceptor",
        "digest": identity.model_digest,
    }


def _speak_openai(app: FastAPI, counts: Counter[str]) -> None:
    """Every error leaves in OpenAI's shape; none with a stack trace."""

    @app.exception_handler(PreceptorError)
    async def known(_: Request, error: PreceptorError) -> JSONResponse:
        counts[error.code] += 1
        return JSONResponse(error.body(), error.status, headers=error.headers())

    @app.exception_handler(HTTPException)
    async def routed(_: Request, error: HTTPException) -> JSONResponse:
        kind: PreceptorError = NotFound("no such route")
        if error.status_code == 405:
            kind = MethodNotAllowed("this route has no such method")
        elif error.status_code != 404:
            kind = BadRequest("the request could not be read")
        return JSONResponse(kind.body(), kind.status, headers=error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        logger.error("unforeseen %s", type(error).__name__)
        fault = Fault("something of ours failed; nothing was sent", code="internal_error")
        return JSONResponse(fault.body(), fault.status, headers=fault.headers())
