"""The one error tree of the package.

AuditError
├── BadEntry              an entry that no log may hold; says expected and got
├── IdempotencyConflict   the same (request_id, seq) with another content
│   └── RequestClosed     the exchange already has its closing record
├── NotLast               `if_last` named a record that is not the last of its state
├── Unavailable           nothing was acknowledged; the same call may be tried again
├── BadKeys               key files absent, malformed, swapped or readable by others
├── BadRoot               no log here, or not one of ours
├── AlreadyBegun          a root that holds logs cannot begin again
├── QueryRefused          not one SELECT, or it failed in the sandbox
├── RemoteError           the HTTP surface answered an append with an error
└── Unproven              everything a verifier can object to
    ├── BadNote           signed note, checkpoint or verifier key
    ├── BadProof          tlog-proof or receipt
    └── BadSegment        a file of a log; carries the index it concerns
"""

from __future__ import annotations


class AuditError(Exception):
    """Root of everything this package raises on purpose."""


class BadEntry(AuditError):
    """The entry breaks its kind's shape or a limit."""


class IdempotencyConflict(AuditError):
    """(request_id, seq) is taken by a record with another content."""


class RequestClosed(IdempotencyConflict):
    """The exchange has its closing record; nothing may follow it."""


class NotLast(AuditError):
    """The state that the entry rests on was changed by a later record, or never by the one named."""


class Unavailable(AuditError):
    """The log could not be written or read; nothing was acknowledged."""


class BadKeys(AuditError):
    """The key folder cannot be trusted or read."""


class BadRoot(AuditError):
    """The folder holds no log of ours."""


class AlreadyBegun(AuditError):
    """The root already holds something; a log begins once."""


class QueryRefused(AuditError):
    """The SQL text is not one SELECT, or the sandbox stopped it."""


class RemoteError(AuditError):
    """The HTTP surface did not accept an append."""


class Unproven(AuditError):
    """Root of the verifier's objections."""


class BadNote(Unproven):
    """A signed note, checkpoint or verifier key is malformed or not signed by the expected key."""


class BadProof(Unproven):
    """A tlog-proof does not parse or does not prove its leaf."""


class BadSegment(Unproven):
    """A segment does not verify. `index` is the first record concerned, None for the whole file."""

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason, index)
        self.reason = reason
        self.index = index

    def __str__(self) -> str:
        return self.reason
