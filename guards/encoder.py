"""The trained encoder: texts in, calibrated scores out. CPU, one text at a time.

Texts run singly on purpose: in a padded batch the last digits depend on the neighbours, and a score near a
threshold would then depend on who else is asking. On one core a batch would gain little.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from guards.errors import WeightsError
from guards.scores import Scores, make, worst

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights"


def sha256(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Encoder:
    """MiniLM with our adapter merged in and our two heads on top. Use `Encoder.load`."""

    def __init__(
        self, body: "nn.Module", heads: "nn.Module", tokenizer: "Tokenizer", scale: tuple[float, float], digest: str
    ) -> None:
        self._body, self._heads, self._tokenizer = body.eval(), heads.eval(), tokenizer
        self._scale = scale
        self.digest = digest

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read weights whose digests stand on their card; anything else raises WeightsError."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        from guards import network

        folder = folder or WEIGHTS
        base = network.base_folder()
        files = {"guard.safetensors": folder / "guard.safetensors", "base": base / "model.safetensors"}
        card = _card(folder)
        _verify(card, files)
        tensors = load_file(files["guard.safetensors"])
        body, heads = network.bare_encoder(), network.Heads()
        network.merge(body, tensors)
        heads.load_state_dict({k.removeprefix("heads."): v for k, v in tensors.items() if k.startswith("heads.")})
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(network.LENGTH, stride=network.OVERLAP)
        scale = (float(card["temperature"]["override"]), float(card["temperature"]["intent"]))
        return cls(body, heads, tokenizer, scale, card_digest(folder))

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Scores of each text, the worst over its overlapping windows of 128 tokens. Cost is linear in the tokens."""
        return [worst(self._windows(text)) for text in texts]

    def _windows(self, text: str) -> list[Scores]:
        # the tokenizer rejects lone surrogates; nothing readable is lost with them
        encoding = self._tokenizer.encode(text.encode("utf-8", "replace").decode())
        return [self._one(window.ids) for window in (encoding, *encoding.overflowing)]

    def _one(self, ids: list[int]) -> Scores:
        import torch

        tokens = torch.tensor([ids])
        with torch.inference_mode():
            mask = torch.ones_like(tokens)
            states = self._body(input_ids=tokens, attention_mask=mask).last_hidden_state
            override, intent = self._heads(states, mask)
            chance = torch.softmax(intent[0] / self._scale[1], 0).tolist()
            return make(torch.sigmoid(override[0] / self._scale[0]).item(), chance[1], chance[2], chance[3])


def card_digest(folder: Path | None = None) -> str:
    """What `Encoder.digest` will be, read from the card alone; raises WeightsError."""
    digests = _card(folder or WEIGHTS)["digests"]
    return hashlib.sha256("".join(digests[name] for name in sorted(digests)).encode()).hexdigest()


def _card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"expected a card in {folder}, got {error}") from error
    return card


def _verify(card: dict[str, Any], files: dict[str, Path]) -> None:
    for name, path in files.items():
        expected, got = card.get("digests", {}).get(name), sha256(path) if path.is_file() else "no file"
        if expected != got:
            raise WeightsError(f"{name}: expected digest {expected}, got {got}")
