"""Which guard judges whom: the one in force, and a challenger beside it, as the control log's promotions say.

A challenger in `shadow` is asked and never heeded. In `canary` it judges a fixed share of people, always the same ones.
An alert about it takes it back at once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

GUARD = "guard"  # the name that promotions of guards bear
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rollout:
    """Digests of guard weights. live: None is the shipped guard. stage: shadow or canary while there is a challenger.

    halted: the challenger that an alert has taken back and that no promotion has replaced yet. last: that promotion.
    """

    live: str | None = None
    challenger: str | None = None
    stage: str | None = None
    share_ppm: int = 0
    halted: str | None = None
    last: int = -1

    def promoted(self, fields: Mapping[str, Any], idx: int) -> Self:
        """After a promotion of a guard."""
        digest, stage = fields["model_digest"], fields.get("stage") or "live"
        if stage == "live":
            return type(self)(live=digest, last=idx)
        return type(self)(self.live, digest, stage, fields.get("share_ppm") or 0, last=idx)

    def alerted(self, fields: Mapping[str, Any]) -> Self:
        """After an alert: a critical one about the challenger ends its part."""
        if self.challenger is None or fields["severity"] != "critical" or fields["about"] != self.challenger:
            return self
        return replace(self, challenger=None, stage=None, halted=self.challenger)

    def takes(self, tenant: str, subject: str) -> bool:
        """Whether the challenger judges what this person asks; the answer stays the same for one challenger."""
        if self.stage != "canary":
            return False
        drawn = hashlib.sha256(f"{self.challenger}\n{tenant}\n{subject}".encode()).digest()
        return int.from_bytes(drawn[:8]) * MILLION < self.share_ppm << 64
