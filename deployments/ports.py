"""What the Gateway asks of the other deployments. Free of Ray, so that the life of a question can be read and tested
without a cluster."""

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from audit.receipt import Receipt
from audit.record import Entry
from deployments.generation import Piece, Sampling

if TYPE_CHECKING:
    from deployments.knowledge.consultation import Consultation, Holdings


class ServiceUnavailable(Exception):
    """A deployment could not do its part in time; `service` is guard, model or log."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service


class ModelPort(Protocol):
    """The model, as a stream of pieces."""

    def stream(self, prompt: Sequence[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        """Generate from token ids with the model of exactly this digest; closing the iterator stops the generation.

        Raises ServiceUnavailable, too where that model is not, or no longer, active.
        """
        ...

    async def problem(self) -> str | None:
        """Why the active model cannot be served; None when it can."""
        ...


class KnowledgePort(Protocol):
    """The knowledge base. It may be away: then nothing is said, and answers are the model's alone."""

    async def consult(self, question: str, before: str) -> "Consultation | None":
        """What the newest pack says to a question that follows `before`, or none; None without a pack, or too late."""
        ...

    async def unknown(self, text: str) -> list[str] | None:
        """The identifiers of a text that the newest pack does not hold; None without a pack, or too late."""
        ...

    async def holdings(self) -> "Holdings":
        """What the newest pack holds, and what it has not."""
        ...


class LogPort(Protocol):
    """One log with its single writer."""

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Durable, in this order, before it returns; raises ServiceUnavailable or an AuditError for a bad entry."""
        ...

    async def tag(self, tenant: str, subject: str) -> str:
        """The pseudonym under which the log files this subject."""
        ...

    async def tail(self, start: int) -> list[dict[str, Any]]:
        """Leaves from index `start` on, at most 1,000, as parsed JSON."""
        ...

    async def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """Receipts of one request's records, each with kind, seq and subject tag."""
        ...

    async def texts(self, request_id: str, reader: str, reason: str, tenant: str | None = None) -> list[dict[str, Any]]:
        """The texts of one request in any log, or of what is the tenant's of it; that `reader` opened them, and why,
        is a record first."""
        ...

    async def search(self, text: str, tenant: str | None) -> list[dict[str, Any]] | None:
        """Receipts of this log's answers with the words of a text, the newest first: the tenant's, or with None all.
        None when the time was up; then it is worth asking again."""
        ...

    async def ring(self) -> str:
        """The log's public keys, each endorsed by the one before (see audit.keyring); whoever pins one checks it."""
        ...

    async def checkpoint(self) -> str:
        """The log's signed head (tlog-checkpoint), for whoever keeps heads outside."""
        ...
