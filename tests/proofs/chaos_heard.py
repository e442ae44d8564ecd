"""A line of a client's journal, and how its bytes read: what was shown, which receipts came, whether the answer ended.

Of ours only the reader of receipts is imported: whoever checks the tutor must not share its mistakes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.errors import BadProof
from audit.proof import Proof

RECEIPT = "c2sp.org/tlog-proof"


@dataclass(frozen=True, slots=True)
class Heard:
    """One question as its client saw it. Times are of time.monotonic(); `intended_at` is when it was due.

    `status` is 0 where no answer began, `failure` "" where the body came to its end; `body` is every byte that came.
    """

    client: int
    intended_at: float
    ended_at: float
    status: int
    request_id: str
    stream: bool
    failure: str
    body: str

    @property
    def text(self) -> str:
        """What was shown to a person, with what came of a frame that was cut."""
        return "".join(_shown(part) for part in _parts(self.body))

    @property
    def receipts(self) -> tuple[str, ...]:
        """Receipts where the tutor puts them; an answer's own text may quote one."""
        found = (about.get("receipt") for part in _parts(self.body) for about in _abouts(_json(part)))
        return tuple(receipt for receipt in found if isinstance(receipt, str) and receipt.startswith(RECEIPT))

    @property
    def about(self) -> str:
        """The request, by the response's head or else by what it says."""
        said = (str(about.get("request_id", "")) for part in _parts(self.body) for about in _abouts(_json(part)))
        return self.request_id or next(said, "")

    @property
    def is_whole(self) -> bool:
        """Whether an answer came to its own end."""
        ended = "data: [DONE]" in self.body if self.stream else bool(_json(self.body).get("choices"))
        failed = any("error" in _json(part) for part in _parts(self.body))
        return self.status == 200 and not self.failure and ended and not failed

    @property
    def is_refusal(self) -> bool:
        """Whether the guard's word came: no fault."""
        return (self.status, _error(_json(self.body)).get("code")) == (400, "content_filter")

    @property
    def is_good(self) -> bool:
        """An answer, a lesson or a refusal, with its receipt."""
        return (self.is_whole or self.is_refusal) and bool(self.receipts)


def read(journal: Path) -> list[Heard]:
    """All lines but a last one that was cut when a run broke off: it was not yet counted."""
    lines = journal.read_text().split("\n")[:-1]
    return [Heard(**json.loads(line)) for line in lines]


def leaf(receipt: str) -> dict[str, Any]:
    """The record that a receipt is about; raises BadProof."""
    found: dict[str, Any] = json.loads(json.loads(Proof.parse(receipt).extra or b"{}").get("leaf", "{}"))
    if not found:
        raise BadProof("expected the record in the receipt")
    return found


def _parts(body: str) -> list[str]:
    """The JSON texts of a body: its frames, or itself."""
    frames = [line[5:].strip() for line in body.split("\n") if line.startswith("data:")]
    return frames or [body]


def _shown(part: str) -> str:
    whole = _json(part)
    if not whole:
        return _shown_of_a_piece(part)
    error = _error(whole)
    if error:
        return str(error.get("message")) if error.get("code") == "content_filter" else ""
    choice = (whole.get("choices") or [{}])[0]
    return str((choice.get("message") or choice.get("delta") or {}).get("content") or "")


def _shown_of_a_piece(part: str) -> str:
    """What is readable in a frame whose end did not come."""
    _, found, rest = part.partition('"content":')
    rest = rest.strip()
    for end in range(len(rest) if found else 0, max(0, len(rest) - 12), -1):  # an escape may have been cut too
        for closed in ("", '"'):
            try:
                return str(json.JSONDecoder().raw_decode(rest[:end] + closed)[0])
            except ValueError:
                continue
    return ""


def _abouts(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for holder in (part, _error(part)):
        if isinstance(about := holder.get("preceptor"), dict):
            yield about


def _error(part: Mapping[str, Any]) -> Mapping[str, Any]:
    error = part.get("error")
    return error if isinstance(error, dict) else {}


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
