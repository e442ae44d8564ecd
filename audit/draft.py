"""An entry made ready to be stored: validated, its text sealed; only place and time are missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from audit.errors import BadEntry
from audit.keys import SubjectKeys
from audit.recent import Exchange
from audit.record import VERSION, Entry, Kind, canonical
from audit.seal import RecordId, seal
from audit.segment import Row
from audit.subjects import SubjectKey
from audit.words import prints


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of a leaf but idx, ts and seal."""

    said: dict[str, Any]
    cell: bytes | None = None
    if_last: tuple[str, int] | None = None
    salt: bytes | None = field(default=None, repr=False)

    def leaf(self, idx: int, ts: int, cites: dict[str, Any] | None) -> dict[str, Any]:
        """The leaf at a place; `cites` names the file before, only in the first record of a commit."""
        leaf = self.said | {"idx": idx, "ts": ts}
        return leaf if cites is None else leaf | {"seal": cites}

    def row(self, leaf: dict[str, Any]) -> Row:
        """What is stored."""
        return Row(canonical(leaf), self.cell)


def draft_entry(origin: str, entry: Entry, subjects: SubjectKeys) -> Draft:
    """BadEntry for what no log may hold, or of somebody who was erased; Unavailable if no key can be made durable."""
    entry = entry.checked()
    said = _said(origin, entry.kind, entry.request_id, entry.seq, entry.tenant, entry.actor)
    said["fields"] = dict(entry.fields)
    key = _key(entry, subjects)
    if key is None:
        return Draft(said, None, entry.if_last)
    said["subject"] = key.tag(entry.tenant)
    if entry.text is None:
        return Draft(said, None, entry.if_last)
    record = RecordId(origin, entry.request_id, entry.seq, entry.kind)
    sealed = seal(record, key, entry.text, stored=entry.kind is not Kind.answer)
    if entry.kind is Kind.answer:
        said["fields"] |= prints(key, sealed.salt, entry.text)
    return Draft(said | {"content": sealed.leaf}, sealed.cell, entry.if_last, sealed.salt)


def _key(entry: Entry, subjects: SubjectKeys) -> SubjectKey | None:
    """The key of whom it is about; None for nobody."""
    if entry.subject_tag is None:
        return subjects.of(entry.tenant, entry.subject) if entry.subject else None
    key = subjects.by_tag(entry.tenant, entry.subject_tag)
    if key is None:
        raise BadEntry("subject_tag: expected a person's, got that of nobody or of somebody who was erased")
    return key


def draft_interruption(origin: str, exchange: Exchange, erased: Collection[str]) -> Draft:
    """The closing record that the writer adds to an exchange past its deadline; its cause is unknown here.

    It names nobody whose tag was erased since: a log has left their epoch.
    """
    said = _said(origin, Kind.interrupted, exchange.request_id, exchange.seq, exchange.tenant, "log")
    said["subject"] = None if exchange.subject in erased else exchange.subject
    said["fields"] = {"cause": "unknown", "windows": exchange.windows}
    return Draft(said)


def _said(origin: str, kind: Kind, request_id: str, seq: int, tenant: str, actor: str) -> dict[str, Any]:
    return {
        "v": VERSION, "origin": origin, "kind": kind.value, "request_id": request_id, "seq": seq, "tenant": tenant,
        "actor": actor, "subject": None, "fields": {}, "content": None,
    }  # fmt: skip
