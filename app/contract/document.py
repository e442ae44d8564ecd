"""The OpenAPI document: FastAPI's own of the routes that there are, filled with what the table says of each."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.contract.replies import Error
from app.contract.routes import ROUTES, Route
from app.sessions import COOKIE

ABOUT = (
    "OpenAI's interface, with a guard before it and a log behind it. A refusal has OpenAI's error shape. "
    "A 503 is a fault of ours and, like a 429, says when to come again."
)
REF = "#/components/schemas/"
JSON = "application/json"
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
RETRY_AFTER = {
    "description": "Seconds until it is worth asking again (RFC 9110, section 10.2.3)",
    "required": True,
    "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
}
SSE = {"schema": {"type": "object", "required": ["data"], "properties": {"data": {"type": "string"}}}}
"""Each event as an object of its fields, as OpenAPI 3.2, section 4.14.5 reads an event stream; `data` is a
chat.completion.chunk of OpenAI's as JSON, the error of a stream that failed, or at the end [DONE]."""


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` tell what the table says; KeyError for a route that the table does not name."""
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    table = {(route.method.lower(), route.path): route for route in ROUTES}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            _fill(operation, table[method, path])
    told["components"] = {
        "schemas": _schemas(ROUTES),
        "securitySchemes": SCHEMES,
    }
    return told


def _fill(operation: dict[str, Any], route: Route) -> None:
    refusals = {str(status): _refusal(status) for status in sorted(route.refusals)}
    operation["responses"] = {str(route.status): _answer(route)} | refusals
    if route.roles:
        operation["security"] = [{name: []} for name in SCHEMES]
        operation["x-roles"] = [role.value for role in route.roles]
    if route.body:
        operation["requestBody"] = {"required": route.body_required, "content": {JSON: _ref(route.body)}}


def _answer(route: Route) -> dict[str, Any]:
    content: dict[str, Any]
    if route.files:
        content = {kind.partition(";")[0]: {} for kind in route.files}
        return {"description": HTTPStatus(route.status).phrase, "content": content}
    if route.answer is None:
        return {"description": HTTPStatus(route.status).phrase}
    content = {JSON: _ref(route.answer)}
    if route.streams:
        content["text/event-stream"] = SSE
    return {"description": HTTPStatus(route.status).phrase, "content": content}


def _refusal(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {JSON: _ref(Error)}}
    return told | ({"headers": {"Retry-After": RETRY_AFTER}} if status in (429, 503) else {})


def _ref(shape: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": REF + shape.__name__}}


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    shapes: set[type[BaseModel]] = {Error}
    for route in routes:
        shapes |= {shape for shape in (route.answer, route.body) if shape}
    named = sorted(shapes, key=lambda shape: shape.__name__)
    _, made = models_json_schema([(shape, "validation") for shape in named], ref_template=REF + "{model}")
    return dict(made["$defs"])
