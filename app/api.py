"""The HTTP surface: bytes in, events out. Rules live in app.answer; this file only speaks OpenAI's dialect."""

import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from app import provenance, signin, wire
from app.answer import UNSIGNED, Question, Tutor
from app.auditing.routes import routes as audit_routes
from app.contract.document import describe
from app.contract.page import add_page
from app.contract.routes import methods_of
from app.cors import Cors
from app.door import Door
from app.errors import BadRequest, Fault, MethodNotAllowed, NotFound, PreceptorError
from app.generation import Closing, Event, Window
from app.grounding.routes import describe as describe_holdings
from app.grounding.routes import routes as knowledge_routes
from app.headers import SecurityHeaders, fixed
from app.identity import single_sign_on
from app.identity.ways import Ways
from app.incoming import enter, plain_headers, read_body
from app.measured import measured
from app.pages import add_pages
from app.records import routes
from app.reviewing import findings, reviews
from app.reviewing.desk import Desk
from audit.query import Asker
from deployments import metrics

logger = logging.getLogger("ray.serve")


def create_app(
    tutor: Tutor,
    counts: Counter[str],
    desk: Desk,
    *,
    asker: Asker | None = None,
    behind_tls: bool = False,
    ways: Ways | None = None,
    embed_origins: Sequence[str] = (),
) -> FastAPI:
    """The application; `counts` gathers refusals before admission for the log's tick records, `asker` reads the log for
    auditors."""
    app = FastAPI(title="Preceptor", version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(routes(tutor))
    app.include_router(reviews.routes(tutor, desk))
    app.include_router(findings.routes(tutor))
    app.include_router(audit_routes(tutor, asker))
    app.include_router(knowledge_routes(tutor))
    app.include_router(provenance.routes(tutor))
    app.include_router(signin.routes(tutor, secure=behind_tls))
    app.include_router(single_sign_on.routes(tutor, ways or Ways(), counts, secure=behind_tls))
    _chat_route(app, tutor)
    _model_routes(app, tutor)
    _health_routes(app, tutor)
    describe(app)
    add_page(app)
    add_pages(app)
    always = fixed(behind_tls=behind_tls)
    _speak_openai(app, tutor, counts, always)
    if embed_origins:
        app.add_middleware(Cors, origins=embed_origins)
    app.add_middleware(SecurityHeaders, fields=always)  # the last is the outermost
    return app


def _chat_route(app: FastAPI, tutor: Tutor) -> None:
    @app.post("/v1/chat/completions", summary="Ask, as with OpenAI; `preceptor` carries decision and receipt")
    async def chat(request: Request) -> Response:
        started = time.monotonic()
        who = await enter(tutor, request)
        question = tutor.admit(who, await read_body(request, tutor.limits), plain_headers(request))
        rest = measured(question.id, tutor.answer(question), tutor.meter)
        event = await anext(rest)  # before a response is built, so that every refusal has its HTTP status
        # Ray's proxy appends an x-request-id of its own to every response, so ours has its own name.
        took_ms = int((time.monotonic() - started) * 1000)
        sent = {"x-preceptor-request-id": question.id, "openai-processing-ms": str(took_ms)}
        if question.asked.stream:
            return StreamingResponse(_stream(question, event, rest), media_type="text/event-stream", headers=sent)
        return JSONResponse(await _collect(question, event, rest), headers=sent)


def _model_routes(app: FastAPI, tutor: Tutor) -> None:
    @app.get("/v1/models", summary="The models that may be asked")
    async def models(request: Request) -> dict[str, Any]:
        await enter(tutor, request)
        return {"object": "list", "data": [_model(tutor)]}

    @app.get("/v1/models/{name}", summary="One model")
    async def model(name: str, request: Request) -> dict[str, Any]:
        await enter(tutor, request)
        if name != tutor.name:
            raise NotFound(f"expected model {tutor.name!r}, came {name[:100]!r}", code="model_not_found")
        return _model(tutor)


def _health_routes(app: FastAPI, tutor: Tutor) -> None:
    @app.get("/healthz", summary="The Gateway runs")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", summary="The Gateway reads the control log; `problem` says why questions fail")
    async def readyz() -> dict[str, Any]:
        rules = tutor.rulebook.rules
        identity, signed = tutor.identity(rules), tutor.is_signed(rules)
        problem = await tutor.model.problem() or (UNSIGNED if tutor.signed_only and not signed else None)
        # A model that is refused is told here, but with 200: a balancer that sent nobody to us any more would also keep
        # out the operator, whose next promotion ends it.
        told = {"status": "degraded", "problem": problem} if problem else {"status": "ready"}
        about = {"model": identity.model, "digest": identity.model_digest}
        held = describe_holdings(await tutor.library.holdings())
        return told | about | {"policy": rules.policy.digest, "policy_signed": signed, "knowledge": held}


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


def _speak_openai(app: FastAPI, tutor: Tutor, counts: Counter[str], always: dict[str, str]) -> None:
    """Every error leaves in OpenAI's shape; none with a stack trace."""

    def said(error: PreceptorError) -> JSONResponse:
        counts[error.code] += 1
        tutor.meter.count(metrics.ERRORS, code=error.code)
        return JSONResponse(error.body(), error.status, headers=error.headers())

    app.add_middleware(Door, limiter=tutor.limiter, said=said)

    @app.exception_handler(PreceptorError)
    async def known(_: Request, error: PreceptorError) -> JSONResponse:
        return said(error)

    @app.exception_handler(RequestValidationError)
    async def misread(_: Request, error: RequestValidationError) -> JSONResponse:
        where = error.errors()[0]
        return said(BadRequest(f"{where['loc'][-1]}: {where['msg']}", param=str(where["loc"][-1])))

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> JSONResponse:
        kind: PreceptorError = NotFound("no such route")
        if error.status_code == 405:
            kind = MethodNotAllowed("this route has no such method", methods_of(request.url.path))
        elif error.status_code != 404:
            kind = BadRequest("the request could not be read")
        return said(kind)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        about = {"event": "unforeseen", "error": type(error).__name__}
        logger.error("unforeseen %s", about["error"], extra=about)
        fault = Fault("something of ours failed; nothing was sent", code="internal_error")
        tutor.meter.count(metrics.ERRORS, code=fault.code)
        # this one response is made outside of all middleware
        return JSONResponse(fault.body(), fault.status, headers=always | fault.headers())
