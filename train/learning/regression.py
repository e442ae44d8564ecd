"""The regression set: every confirmed bypass. A row that is in it is never changed, and goes only with its text."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from train.errors import DatasetError
from train.learning.asking import Opened
from train.learning.cases import Case
from train.learning.conversation import digest
from train.learning.verdicts import Label, Proof

NAME = "regression.jsonl"
ASKED = "asked"  # in place of a technique where nobody attacked


class Bypass(BaseModel):
    """One line of the file. held_out: it was never learnt from; first_seen: when it was asked, UTC.

    `about` is the request whose text it is, `lineage` the records that confirm it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    text: str = Field(min_length=1)
    expected: Literal["REFUSE"]
    category: Label
    technique: str
    held_out: bool
    first_seen: str
    about: str
    lineage: tuple[Proof, ...] = Field(min_length=1)


def require_whole(rows: Iterable[Bypass]) -> None:
    """Raises DatasetError for a row whose text is not that of its digest."""
    for row in rows:
        if digest(row.text) != row.digest:
            raise DatasetError(f"{NAME}: expected the text of {row.digest[:12]}, got another: rows are never changed")


def kept(rows: Iterable[Bypass], opened: Opened) -> list[Bypass]:
    """The rows whose text the log still holds."""
    return [row for row in rows if row.about not in opened.closed]


def extended(rows: Iterable[Bypass], cases: Iterable[Case]) -> list[Bypass]:
    """The rows as they are and, for every other bypass among the cases, one made of its first asking; by digest.

    Of several askings the held-out one goes before the others: what once was measured with is never learnt.
    """
    made = {row.digest: row for row in rows}
    for case in sorted((case for case in cases if case.bypass), key=lambda case: not case.held_out):
        made.setdefault(case.name, _bypass(case))
    return [row for _, row in sorted(made.items())]


def _bypass(case: Case) -> Bypass:
    verdict = case.verdict
    return Bypass(
        digest=case.name, text=case.text, expected="REFUSE", category=verdict.label, technique=case.technique or ASKED,
        held_out=case.held_out, first_seen=case.exchange.ts.isoformat(), about=verdict.about, lineage=verdict.proofs,
    )  # fmt: skip
