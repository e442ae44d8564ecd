"""The typed shape of every record kind: what `fields` may hold, and whether text goes with it.

No shape holds free text, a person's name or a float; scores are parts per million, times are epoch microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from audit.errors import BadEntry
from audit.exchange import Answer, Fault, Interrupted, Judged, Request, Shown, Window
from audit.fields import Count, Digest, Name, Ppm, Shape, Signed
from audit.kinds import Kind


class Genesis(Shape):
    """First record of a log."""

    format: Literal[1]
    name: Name


class LogRef(Shape):
    """One log of the root, by its verifier key."""

    origin: Name
    vkey: Name


class Logs(Shape):
    """All logs of the root; the control log's second record."""

    logs: list[LogRef]


class Policy(Shape):
    """Policy, guard and terms in force from here on."""

    policy_digest: Digest
    guard_digest: Digest
    terms_digest: Digest


class Signoff(Shape):
    """Whoever holds the sign-off key approves policy, terms and ethics statement; only its signature makes it count.

    `signature` is Ed25519 in base 64 over the three digests, `signer` the id of the key.
    """

    policy_digest: Digest
    terms_digest: Digest
    ethics_digest: Digest
    signer: Name
    signature: Name


class Terms(Shape):
    """The subject accepts these terms."""

    terms_digest: Digest
    version: Name


class LessonPass(Shape):
    """The subject passed a lesson."""

    category: Name
    lesson: Name
    policy_digest: Digest
    expires_us: Count


class Grant(Shape):
    """A key was minted for the subject."""

    jti: Name
    role: Name
    expires_us: Count


class Revocation(Shape):
    """The key `jti` is void, or every key of the subject that was issued before `before_us`; exactly one of the two."""

    jti: Name | None = None
    before_us: Count | None = None
    issuer: Name | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.jti is None) == (self.before_us is None):
            raise ValueError("expected either jti or before_us")
        return self


class Promotion(Shape):
    """A model or a guard is active from here on; a guard in `shadow` for nobody, in `canary` for a share of people."""

    name: Name
    model_digest: Digest
    base: Name
    adapter_digest: Digest | None
    weights: dict[Name, Digest]
    dataset_digest: Digest | None = None
    gate: Name | None = None
    stage: Literal["live", "shadow", "canary"] = "live"
    share_ppm: Ppm | None = None


class Review(Shape):
    """What a reviewer does about a request, a finding or an alert; `reviewer` is their pseudonym.

    A claim is a lease until `until_us`; a label says what it was and what should have happened; uphold and overturn
    decide. Text = a note, under the key of the person whom it is about.
    """

    about: Name
    decision: Literal["claim", "release", "label", "uphold", "overturn"]
    label: Name | None = None
    expected: Literal["ALLOW", "TEACH", "REFUSE"] | None = None
    until_us: Count | None = None
    reviewer: Digest | None = None
    means: Literal["human", "scripted", "import"] | None = None


class Appeal(Shape):
    """The subject appeals the decision about a request."""

    about: Name


class Finding(Shape):
    """A red-team attempt and its outcome; `attack` is the technique, `seed` the digest of what it disguised."""

    campaign: Name
    attack: Name
    outcome: Name
    about: Name | None = None
    category: Name | None = None
    score_ppm: Ppm | None = None
    expected: Literal["ALLOW", "TEACH", "REFUSE"] | None = None
    severity: Literal["low", "medium", "high", "critical"] | None = None
    source: Literal["tool", "human", "gold"] | None = None
    seed: Digest | None = None


class Alert(Shape):
    """A monitor's rule fired."""

    rule: Name
    severity: Literal["info", "warning", "critical"]
    about: Name | None = None
    value_ppm: Signed | None = None


class Shadow(Judged):
    """What a challenger of the guard would have decided about a request; nobody acted on it."""

    about: Name
    guard_digest: Digest


class Head(Shape):
    """A sibling log's tree head, pinned here; root in base 64."""

    origin: Name
    size: Count
    root: Name


class Erase(Shape):
    """A subject's keys up to `epoch` are destroyed."""

    subject: Digest
    epoch: Count


class EpochAck(Shape):
    """From here on, no record of this log is under the erased epoch."""

    origin: Name
    subject: Digest
    epoch: Count


class Pack(Shape):
    """A compacted file of records start..end (end excluded). Of two packs of a range the higher generation holds."""

    start: Count
    end: Count
    generation: Count
    bytes: Count
    sha256: Digest


class Prune(Shape):
    """Records start..end are dropped by a rule; the frontier at `end` stands for them."""

    start: Count
    end: Count
    frontier: list[Name]
    rule: Name


class Key(Shape):
    """A log's next signing key: the files after this record are signed with it."""

    role: Literal["log"]
    vkey: Name


class Access(Shape):
    """The subject opens text, of one request or in bulk; text = the reason."""

    about: Name | None
    records: Count


class Tick(Shape):
    """Sign of life, with counts of what has no record of its own."""

    counts: dict[Name, Count]


class Source(Shape):
    """Where rows of a dataset come from."""

    name: Name
    digest: Digest
    licence: Name


class Dataset(Shape):
    """A dataset and its sources."""

    name: Name
    digest: Digest
    rows: Count
    sources: list[Source]


class Run(Shape):
    """A training run."""

    name: Name
    job: Name
    status: Literal["started", "finished", "failed"]
    base: Name
    dataset_digest: Digest | None
    adapter_digest: Digest | None
    config_digest: Digest
    metrics: dict[Name, Signed]


class Gate(Shape):
    """An evaluation that decides whether a candidate may be promoted."""

    name: Name
    candidate: Digest
    suite_digest: Digest
    passed: bool
    metrics: dict[Name, Signed]


_SHAPES: Mapping[Kind, type[Shape]] = MappingProxyType(
    {
        Kind.genesis: Genesis, Kind.logs: Logs, Kind.policy: Policy, Kind.signoff: Signoff, Kind.terms: Terms,
        Kind.lesson_pass: LessonPass, Kind.grant: Grant, Kind.revocation: Revocation, Kind.promotion: Promotion,
        Kind.review: Review, Kind.appeal: Appeal, Kind.finding: Finding, Kind.alert: Alert,
        Kind.shadow: Shadow, Kind.head: Head, Kind.erase: Erase, Kind.epoch_ack: EpochAck, Kind.pack: Pack,
        Kind.prune: Prune, Kind.key: Key, Kind.access: Access, Kind.tick: Tick, Kind.request: Request,
        Kind.window: Window, Kind.answer: Answer, Kind.refusal: Shown, Kind.lesson: Shown, Kind.fault: Fault,
        Kind.interrupted: Interrupted, Kind.dataset: Dataset, Kind.run: Run, Kind.gate: Gate,
    }
)  # fmt: skip


def validate(kind: Kind, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` in the kind's shape, defaults filled in; BadEntry names the first field that is wrong."""
    try:
        return _SHAPES[kind].model_validate(dict(fields)).model_dump()
    except ValidationError as error:
        raise _bad(kind, error) from None


def require(kind: Kind, fields: Mapping[str, Any]) -> None:
    """BadEntry unless stored `fields` have the kind's shape."""
    try:
        _SHAPES[kind].__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        raise _bad(kind, error) from None


def _bad(kind: Kind, error: ValidationError) -> BadEntry:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "fields"
    return BadEntry(f"{kind}.{where}: {first['msg']}")
