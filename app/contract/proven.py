"""What comes back from the routes that lead from a text to its record."""

from typing import Literal

from pydantic import Field

from app.contract.replies import Digest, Reply


class LogKeys(Reply):
    """The log's verifier keys, the founding one first: the text of a key file (docs/audit-format.md, Keys)."""

    keys: str


class MadeBy(Reply):
    """A model; `name` is null where none of that digest is active now."""

    name: str | None
    digest: Digest | None


class MadeUnder(Reply):
    """A policy; `version` is null where another one is in force now."""

    version: str | None
    digest: Digest | None


class Match(Reply):
    """An answer with these words; the receipt proves all of it. `ts` in microseconds since 1970."""

    request_id: str
    ts: int
    kind: Literal["answer"]
    model: MadeBy
    policy: MadeUnder
    receipt: str


class Matches(Reply):
    """The newest first."""

    found: bool
    matches: list[Match] = Field(max_length=10)
