"""What comes back from the routes that append or show records."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.contract.replies import Count, Digest, Reply

Share = Annotated[float, Field(ge=-1, le=1)]


class TermsReply(Reply):
    """The terms of use."""

    version: str
    digest: Digest
    text: str


class Accepted(Reply):
    """Accepted, on record."""

    accepted: Literal[True]
    digest: Digest
    receipt: str


class Passed(Reply):
    """A lesson's pass; `expires_at` in seconds since 1970."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lesson: str = Field(alias="pass")
    expires_at: int
    receipt: str


class Receipt(Reply):
    """The proof of one record; `ts` in microseconds since 1970, `subject` a pseudonym."""

    origin: str
    idx: Count
    ts: int
    kind: str
    request_id: str
    seq: Count
    proof: str
    subject: str | None


class Receipts(Reply):
    """All proofs of one request."""

    request_id: str
    receipt: str
    receipts: list[Receipt]


class Appealed(Reply):
    """The appeal, on record."""

    appeal: Literal["recorded"]
    request_id: str
    receipt: str


class Marked(Reply):
    """The finding, on record."""

    finding: str
    about: str
    receipt: str


class BadRecord(Reply):
    """Why one record was not appended."""

    code: str
    message: str


class Appended(Reply):
    """One record's receipt."""

    receipt: Receipt


class NotAppended(Reply):
    """One record's error."""

    error: BadRecord


class Results(Reply):
    """One for each record, in order."""

    results: list[Appended | NotAppended]


class Checkpoints(Reply):
    """Signed heads (C2SP tlog-checkpoint), the control log's first."""

    checkpoints: list[str]


class Item(Reply):
    """Something that awaits a look; times as ISO 8601."""

    about: str
    since: str
    due: str
    overdue: bool
    reasons: list[str]
    priority: int
    action: str | None
    category: str | None
    score: float | None
    state: Literal["open", "labelled", "agreed", "disputed", "decided"]
    labels: Count
    held_until: str | None


class Queue(Reply):
    """The most urgent first."""

    items: list[Item]


class Precedent(Item):
    """Something judged alike, and what was decided of it in the end."""

    decision: Literal["uphold", "overturn"] | None


class Precedents(Reply):
    """At most five, decided ones first."""

    items: list[Precedent]


class Checked(Reply):
    """What one check said."""

    check: str
    action: str
    category: str | None
    score: float | None


class Opened(Reply):
    """One record: its text, null once its person is erased, and what the guard made of it; `ts` as ISO 8601."""

    kind: str
    seq: Count
    text: str | None
    ts: str | None
    action: str | None
    category: str | None
    score: float | None
    checks: list[Checked]
    finish: str | None


class Objection(Reply):
    """An appeal; its text is null once its person is erased."""

    ts: str
    text: str | None


class Texts(Reply):
    """All texts of an item, the exchange in its order."""

    about: str
    records: list[Opened]
    appeals: list[Objection]


class Told(Reply):
    """What a reviewer did, on record."""

    request_id: str
    receipt: str


class Claimed(Told):
    """With the seconds for which it is theirs."""

    lease_s: int


class Agreement(Reply):
    """How far reviewers agree: see docs/review.md."""

    items: Count
    labelled_twice: Count
    alpha: Share | None
    alike: Share | None
    by_label: dict[str, Share | None]
    pairs: list[dict[str, Any]]
    gold: dict[str, dict[str, Any]]
