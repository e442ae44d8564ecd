"""The rules of a witness (C2SP tlog-witness): cosign a head only if the log grew from the one remembered into it.

A log that shows different trees to different people cannot get both of them cosigned. `Cosigner.add` is the only door.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, read_checkpoint
from audit.cosignature import SignatureLine, WitnessKey, cosign, cosigned_at, signature_lines
from audit.errors import BadNote, BadProof, Unavailable, Unproven
from audit.heads import Heads
from audit.keyring import KeyRing
from audit.merkle import Frontier, check_consistency


class Refused(Unproven):
    """No cosignature. `status` is what tlog-witness answers; `remembered` is the size last cosigned."""

    def __init__(self, status: HTTPStatus, reason: str, remembered: int = 0) -> None:
        super().__init__(status, reason, remembered)
        self.status = status
        self.reason = reason
        self.remembered = remembered

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A head and its note: the log's signatures, and the witness's cosignature last."""

    head: Checkpoint
    note: str

    @property
    def line(self) -> str:
        """The cosignature line with its newline."""
        return self.note[self.note.rindex("\n", 0, -1) + 1 :]


def check_growth(known: Checkpoint | None, old_size: int, head: Checkpoint, path: Sequence[bytes]) -> None:
    """Raise Refused unless `path` proves that `head` continues `known`, which the caller takes to have `old_size`.

    `known` is None for a log never seen: the first head is trusted, because the operator gave the log's key.
    """
    known = known or Checkpoint(head.origin, 0, Frontier().root())
    if old_size > head.size:
        reason = f"expected an old size up to the checkpoint's {head.size}, got {old_size}"
        raise Refused(HTTPStatus.BAD_REQUEST, reason, known.size)
    if old_size != known.size:
        reason = f"this witness remembers size {known.size}, got growth from {old_size} to {head.size}"
        raise Refused(HTTPStatus.CONFLICT, reason, known.size)
    try:
        check_consistency(known.size, known.root, head.size, head.root, path)
    except BadProof as error:
        # also for two roots of one size: v1.0.0 answered that with 409, the text since then with 422
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), known.size) from error


@dataclass(frozen=True, slots=True)
class Cosigner:
    """One witness. Safe for many threads and processes over one state folder; nothing is kept in memory."""

    heads: Heads
    key: WitnessKey
    rings: tuple[KeyRing, ...]
    _signer: Ed25519PrivateKey = field(repr=False)
    _clock: Callable[[], float] = time.time

    @classmethod
    def open(
        cls, heads: Heads, rings: Sequence[KeyRing], name: str | None = None, clock: Callable[[], float] = time.time
    ) -> Self:
        """The witness whose state is `heads`; it knows the logs of the roots of `rings`. BadKeys, Unavailable."""
        with _state():
            signer, key = heads.signer(name)
        return cls(heads, key, tuple(rings), signer, clock)

    def latest(self, origin: str) -> Cosigned | None:
        """What is remembered of a log; None if it was never seen. Unavailable if the state is damaged."""
        with _state():
            note = self.heads.load(origin)
        return None if note is None else self._remembered(note, origin)

    def all(self) -> list[Cosigned]:
        """What is remembered of every log."""
        with _state():
            return [self._remembered(note) for note in self.heads.notes()]

    def add(self, old_size: int, path: Sequence[bytes], note: str) -> Cosigned:
        """Cosign the head in `note`, to which `path` leads from `old_size`; it is remembered before this returns.

        Refused, BadNote for what is no checkpoint, Unavailable if the state cannot be read or written.
        Two roots of one size are proof of a fork: both notes are kept.
        """
        head, signatures = self._authenticate(note)
        with _state(), self.heads.locked():
            known = self.latest(head.origin)
            try:
                check_growth(None if known is None else known.head, old_size, head, path)
            except Refused:
                if known is not None and known.head.size == head.size and known.head != head:
                    self.heads.keep_evidence(known.note, note)
                raise
            lines = [*signatures, cosign(head, self.key, self._signer, int(self._clock()))]
            cosigned = Cosigned(head, f"{head.body}\n" + "".join(f"{line}\n" for line in lines))
            self.heads.save(head.origin, cosigned.note)
        return cosigned

    def _authenticate(self, note: str) -> tuple[Checkpoint, list[SignatureLine]]:
        """The head, and the log's own signatures on it, each checked; signatures of strangers are dropped."""
        head = read_checkpoint(note)
        keys = {(key.name, key.key_id): key for key in self._ring(head.origin).keys}
        signatures = [line for line in dict.fromkeys(signature_lines(note)) if (line.name, line.key_id) in keys]
        try:
            for line in signatures:
                keys[line.name, line.key_id].check(line.signature, head.body.encode())
        except BadNote as error:
            raise Refused(HTTPStatus.FORBIDDEN, str(error)) from error
        if not signatures:
            raise Refused(HTTPStatus.FORBIDDEN, f"checkpoint is not signed by a known key of {head.origin}")
        return head, signatures

    def _ring(self, origin: str) -> KeyRing:
        for ring in self.rings:
            try:
                return ring.sibling(origin)
            except BadNote:
                continue
        raise Refused(HTTPStatus.NOT_FOUND, f"this witness does not know the log {origin}")

    def _remembered(self, note: str, origin: str | None = None) -> Cosigned:
        try:
            cosigned_at(note, self.key)
            head = read_checkpoint(note)
            if origin not in (None, head.origin):
                raise BadNote(f"expected the head of {origin}, got {head.origin}")
        except BadNote as error:
            raise Unavailable(f"witness state is damaged: {error}") from error
        return Cosigned(head, note)


@contextmanager
def _state() -> Iterator[None]:
    """OSError means that the state is unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"witness state: {error.strerror or error}") from error
