"""A KnowledgePort that says what a test tells it to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deployments.knowledge.consultation import Consultation, Holdings


@dataclass
class ScriptedLibrary:
    """Says one thing to every question. strange: the identifiers that it has not; None: it is away."""

    says: Consultation | None = None
    strange: Sequence[str] | None = ()
    asked: list[str] = field(default_factory=list)

    async def consult(self, question: str, before: str) -> Consultation | None:
        self.asked += [question] if not before else [question, before]
        return self.says

    async def unknown(self, text: str) -> list[str] | None:
        return None if self.strange is None else [each for each in self.strange if each in text]

    async def holdings(self) -> Holdings:
        return Holdings(self.says.pack, True, {}, {"cve": "CVE records"}) if self.says else Holdings()
