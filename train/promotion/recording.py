"""The records of a promotion, and the control log as the job sees it: read from the root, appended to over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from uuid_utils import uuid7

from audit.client import AuditClient
from audit.errors import AuditError
from audit.record import Entry, Kind, canonical
from train.lineage import NotRecorded, hand_in
from train.promotion import history
from train.promotion.errors import Unsure
from train.promotion.history import Promoted

ACTOR = "train.promote"


@dataclass(frozen=True, slots=True)
class ControlLog:
    """Where promotions are recorded."""

    client: AuditClient
    root: str | Path

    def promotions(self, name: str) -> list[Promoted]:
        """The promotions of a model, oldest first; raises AuditError, OSError."""
        return history.read(self.root, name)

    def append(self, entry: Entry) -> str:
        """Append a record; the proof of its receipt. Raises NotRecorded."""
        return hand_in(entry, self.client)

    def promote(self, entry: Entry) -> str:
        """Append a promotion unless what it says is in force already; the id of the record that says it.

        An answer that was lost says nothing about the record. So the log itself is asked before anyone is told no.
        Raises NotRecorded, or Unsure when the log could not be asked.
        """
        active = self.promotions(entry.fields["name"])[-1:]
        if active and _equal(active[0].fields, entry.fields):
            return active[0].request_id
        try:
            self.append(entry)
        except NotRecorded as error:
            try:
                taken = [one.request_id for one in self.promotions(entry.fields["name"])]
            except (AuditError, OSError) as blind:
                raise Unsure(f"{error}; and the log cannot be read: {blind}") from error
            if entry.request_id not in taken:
                raise
        return entry.request_id

    def receipt(self, request_id: str) -> str:
        """The proof of a record that is in the log; raises NotRecorded."""
        if not self.client.url.startswith(("http://", "https://")):
            raise NotRecorded(f"url: expected http or https, got {self.client.url[:64]!r}")
        target = f"{self.client.url.rstrip('/')}/v1/receipts/{request_id}"
        headers = {"Authorization": f"Bearer {self.client.token}"}
        request = urllib.request.Request(target, headers=headers)  # noqa: S310 - scheme checked above
        try:
            with urllib.request.urlopen(request, timeout=self.client.timeout_s) as response:  # noqa: S310
                return str(json.load(response)["receipt"])
        except urllib.error.HTTPError as error:
            raise NotRecorded(f"receipt: HTTP {error.code}: {error.read(500).decode(errors='replace')}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotRecorded(f"receipt: no usable answer: {error}") from error


def gate_entry(fields: Mapping[str, Any]) -> Entry:
    """The record of a gate. Its id follows from what it says, so the same verdict is in the log once."""
    name = str(uuid5(NAMESPACE_URL, f"preceptor gate {canonical(dict(fields)).decode()}"))
    return Entry(Kind.gate, name, 0, "", "", fields, actor=ACTOR).checked()


def promotion_entry(fields: Mapping[str, Any], after: int) -> Entry:
    """The record of a promotion, which the log takes only while record `after` is the last promotion of that model.

    That condition, not the id, makes a repeat harmless: the same model may be promoted again after a rollback. The id
    holds the time, because by it the Model finds the receipt of a record that is long out of the log's memory.
    """
    condition = (f"{Kind.promotion}/{fields['name']}", after)
    return Entry(Kind.promotion, str(uuid7()), 0, "", "", fields, actor=ACTOR, if_last=condition).checked()


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return canonical(dict(one)) == canonical(dict(other))
