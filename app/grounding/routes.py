"""What the knowledge base holds, and what it has not: `GET /v1/knowledge`, and its line in `/readyz`."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from app.incoming import enter
from deployments.knowledge.consultation import Holdings

if TYPE_CHECKING:
    from app.answer import Tutor


def routes(tutor: "Tutor") -> APIRouter:
    """The one route of its own."""
    router = APIRouter()

    @router.get("/v1/knowledge", summary="What answers are looked up in: sources, licences, and what is absent")
    async def knowledge(request: Request) -> dict[str, Any]:
        await enter(tutor, request)
        held = await tutor.library.holdings()
        return describe(held) | {"sources": {name: dict(each) for name, each in (held.sources or {}).items()}}

    return router


def describe(held: Holdings) -> dict[str, Any]:
    """A pack in short: its digest, the sources that it lacks, and the day that each of its own reaches."""
    latest = {each["title"]: each["latest"] for each in (held.sources or {}).values()}
    return {"pack": held.pack, "vectors": held.vectors, "absent": dict(held.absent or {}), "latest": latest}
