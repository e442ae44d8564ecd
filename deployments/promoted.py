"""What the control log says about one model name: which digest is active, and the files that its record names.

Nothing here is believed because it came over a handle: a promotion counts once its receipt leads to a head that the
log's public key has signed, and a newer key counts once the one that we were started with has endorsed it. So a replica
needs neither the log's folder nor a way to its store.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.errors import BadNote
from audit.keyring import KeyRing, parse_ring
from audit.proof import check_receipt
from deployments.adapter import FILES, AdapterFolder, joined
from deployments.embedded import ModelFolder
from deployments.ports import LogPort

ADAPTERS = "adapters"  # folder beside the models: <models>/adapters/<adapter digest>
# A question is answered by the model that was active when it was asked. It comes to the model this much later at most:
# a Gateway's view of the log is up to 10 s old, a guard takes up to 20 s. Whoever asks later asks for a model that was
# taken back, maybe for a reason.
LATE_S = 60.0


class NotPromoted(Exception):
    """No valid promotion record names what is to be served; serving it would be unproven."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promotion record, as the log gave it."""

    leaf: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Digest of base and adapter together, which answers cite."""
        return str(self.leaf["fields"]["model_digest"])

    @property
    def adapter_digest(self) -> str | None:
        """The adapter's own digest; None for the base alone."""
        found: str | None = self.leaf["fields"]["adapter_digest"]
        return found

    def is_of(self, base: ModelFolder) -> bool:
        """Whether it promotes exactly these weights, with or without an adapter."""
        weights: dict[str, str] = self.leaf["fields"]["weights"]
        own = {name: digest for name, digest in weights.items() if self.adapter_digest is None or name not in FILES}
        return own == base.files and self.digest == joined(base.digest, self.adapter_digest)

    def adapter(self, models: Path) -> AdapterFolder | None:
        """Where its adapter must lie and what it must hold; None for the base alone. Raises NotPromoted."""
        if self.adapter_digest is None:
            return None
        weights = self.leaf["fields"]["weights"]
        files = {name: weights[name] for name in FILES if name in weights}
        folder = AdapterFolder(models / ADAPTERS / self.adapter_digest, files)
        if folder.digest != self.adapter_digest:
            raise NotPromoted(
                f"promotion of {self.digest}: expected {', '.join(FILES)} of adapter {self.adapter_digest} among its "
                f"weights, came those of {folder.digest}"
            )
        return folder


class Promotions:
    """The promotions of one name, oldest first; kept by tailing the control log. `ring` holds the log's public keys.

    Raises BadNote for another text.
    """

    def __init__(self, log: LogPort, name: str, ring: str) -> None:
        self.name = name
        self._log = log
        self._ring = parse_ring(ring.encode())
        self._next = 0
        self._turn = asyncio.Lock()
        self._found: list[Promotion] = []

    @property
    def newest(self) -> Promotion | None:
        """The active one."""
        return self._found[-1] if self._found else None

    async def refresh(self) -> None:
        """Read what is new; raises ServiceUnavailable."""
        async with self._turn:
            while leaves := await self._log.tail(self._next):
                self._next += len(leaves)
                self._found += [Promotion(leaf) for leaf in leaves if _names(leaf, self.name)]

    def any_of(self, base: ModelFolder) -> bool:
        """Whether these weights were ever promoted under this name."""
        return any(promotion.is_of(base) for promotion in self._found)

    def find(self, digest: str) -> Promotion | None:
        """The promotion of this digest while it is active, and LATE_S longer."""
        newest, replaced_us = True, 0
        for promotion in reversed(self._found):
            if not newest and time.time_ns() // 1000 - replaced_us > LATE_S * 1_000_000:
                return None
            if promotion.digest == digest:
                return promotion
            newest, replaced_us = False, int(promotion.leaf["ts"])
        return None

    async def prove(self, promotion: Promotion) -> None:
        """Check its receipt with the public keys alone; raises NotPromoted, AuditError, ServiceUnavailable."""
        leaf = promotion.leaf
        receipts = await self._log.receipts(leaf["request_id"])
        proofs = [receipt["proof"] for receipt in receipts if receipt["seq"] == leaf["seq"]]
        if not proofs:
            raise NotPromoted(f"promotion of {promotion.digest}: expected a receipt, the log has none")
        ring = await self._newest_ring()
        if check_receipt(proofs[0], ring).leaf != leaf:
            raise NotPromoted(f"promotion of {promotion.digest}: its receipt is about another record")

    async def _newest_ring(self) -> KeyRing:
        ring = parse_ring((await self._log.ring()).encode())
        if not ring.extends(self._ring):
            raise BadNote(f"keys of the log: expected those of {self._ring.name} and whom they endorse, came others")
        return ring


def _names(leaf: Mapping[str, Any], name: str) -> bool:
    return bool(leaf["kind"] == "promotion" and leaf["fields"]["name"] == name)
