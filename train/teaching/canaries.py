"""Canaries: sentences that nobody can guess, each in one row. A model that can be made to say one has learnt by heart.

The strings have the form that the policy's canary rule stops, so a served model cannot let them out unseen.
"""

import hmac
from collections.abc import Iterator

from train.teaching.author import Draft
from train.teaching.phrasing import form

COUNT = 24


def strings(key: bytes) -> list[str]:
    """The canaries of this key."""
    digests = (hmac.new(key, f"canary {number}".encode(), "sha256").hexdigest() for number in range(COUNT))
    return [f"PRECEPTOR-CANARY-{digest[:16].upper()}" for digest in digests]


def drafts(key: bytes) -> Iterator[Draft]:
    """One pair for each canary."""
    for number, canary in enumerate(strings(key)):
        entry = f"{number:04d}"
        phrasing = form("canary.entry").pick(entry)
        yield Draft("canary", phrasing, {"entry": entry, "canary": canary}, (f"canary:{entry}",), (), "answer", "train",
                    "", "")  # fmt: skip
