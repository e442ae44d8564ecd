"""The OpenAPI document as a plain page at /docs: no script, no style, nothing from elsewhere."""

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>
<h1>{title}</h1><p>{about}</p><p>For machines: <a href="/openapi.json">openapi.json</a></p>
<table><thead><tr><th>Route<th>Does<th>Roles<th>Statuses</thead><tbody>
{rows}
</tbody></table></body></html>
"""


def add_page(app: FastAPI) -> None:
    """Serve it."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))


def page(document: dict[str, Any]) -> str:
    """One row for each route."""
    about, paths = document["info"], document["paths"]
    rows = [_row(method, path, told) for path, methods in paths.items() for method, told in methods.items()]
    return PAGE.format(title=escape(about["title"]), about=escape(about["description"]), rows="\n".join(rows))


def _row(method: str, path: str, told: dict[str, Any]) -> str:
    roles = ", ".join(told.get("x-roles", ["no key"]))
    cells = (f"{method.upper()} {path}", told["summary"], roles, " ".join(told["responses"]))
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)
