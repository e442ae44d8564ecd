"""What one answer rests on, as its records and its `preceptor` object tell it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deployments.knowledge.answering import Outcome
from deployments.knowledge.consultation import Passage, Source

GRAPH, MODEL, NOBODY = "graph", "model", "none"


@dataclass(slots=True)
class Grounds:
    """pack: digest of what was asked, None where nothing was. text: the graph's own answer; passages: what the model
    reads. dropped: records that the guard kept from it. plain: the question without its names, where only so it was
    let through. unknown: identifiers that the answer names and the pack has not, as they come up."""

    pack: str | None = None
    by: str = NOBODY
    outcome: Outcome | None = None
    text: str = ""
    sources: Sequence[Source] = ()
    passages: Sequence[Passage] = ()
    dropped: int = 0
    plain: str = ""
    unknown: list[str] = field(default_factory=list)

    def describe_sources(self) -> list[dict[str, str]]:
        """`preceptor.sources`."""
        return [asdict(each) for each in self.sources]

    def describe(self) -> dict[str, Any] | None:
        """`preceptor.knowledge`; None where nothing was asked."""
        if self.pack is None:
            return None
        told = {"pack": self.pack, "by": self.by, "outcome": self.outcome and self.outcome.value}
        return told | {"unknown": list(self.unknown), "dropped": self.dropped}

    def on_request(self) -> dict[str, Any]:
        """Fields of a `request` record."""
        return {"pack_digest": self.pack} | ({"second_look": True} if self.plain else {})

    def on_answer(self) -> dict[str, Any]:
        """Fields of an `answer` record."""
        if self.pack is None:
            return {}
        outcome = self.outcome and self.outcome.value
        told = {"pack_digest": self.pack, "by": self.by, "outcome": outcome, "dropped": self.dropped}
        return told | {"sources": len(self.sources)}
