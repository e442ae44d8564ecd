"""The sanitizer's trained part: the public encoder with our adapter, and a head that names the class of each token.

The encoder's vocabulary has no capitals, so the head is told the shape of each token and of its neighbours, too.
Windows run singly and in order: the same text gives the same chances, whoever else is asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import nn

from guards.card import Card, base_folder
from guards.encoder import sha256
from guards.errors import WeightsError
from guards.network import bare_encoder, merge

LENGTH, OVERLAP = 128, 32
SHAPES = 9  # kinds of token shape, and one bit for a token that goes on with the word before it
CLASSES = ("O", "PERSON", "ORGANIZATION", "ADDRESS", "LOCATION", "PHONE", "EMAIL", "CARD", "SSN", "IBAN", "ID",
           "USERNAME", "HOST", "IP", "URL", "SECRET")  # fmt: skip
WEIGHTS = Path(__file__).parent / "sanitizer"

Offsets = Sequence[tuple[int, int]]


class Head(nn.Module):
    """Token state and shapes of the token and both neighbours to class logits, and one: a stretch begins here."""

    def __init__(self, width: int = 384, hidden: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width + 3 * SHAPES, hidden), nn.GELU(), nn.Linear(hidden, len(CLASSES) + 1)
        )  # fmt: skip

    def forward(self, states: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
        """states: batch, tokens, width; shapes: batch, tokens, SHAPES. Returns batch, tokens, classes and one."""
        before, after = torch.roll(shapes, 1, 1), torch.roll(shapes, -1, 1)
        logits: torch.Tensor = self.layers(torch.cat([states, before, shapes, after], -1))
        return logits


def shapes(text: str, offsets: Offsets) -> list[list[float]]:
    """Of each token, a one-hot kind of shape, and whether it goes on with the word before it."""
    found, last = [], -1
    for start, end in offsets:
        row = [0.0] * SHAPES
        row[_kind(text[start:end])] = 1.0
        row[-1] = float(start == last and end > start)
        found.append(row)
        last = end
    return found


def _kind(token: str) -> int:
    if not token:
        return 0
    if token.isalpha():
        return 1 if token.islower() else 3 if token.isupper() and len(token) > 1 else 2 if token[0].isupper() else 4
    return 5 if token.isdigit() else 6 if token.isalnum() else 7


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, special ones left out: their places, chances by CLASSES, chances of beginning a stretch."""

    offsets: list[tuple[int, int]]
    chances: torch.Tensor
    begins: torch.Tensor


class Tagger:
    """Use `Tagger.load`. Safe for several threads."""

    def __init__(self, body: nn.Module, head: Head, digest: str) -> None:
        from tokenizers import Tokenizer

        self._body, self._head = body, head
        self._tokenizer = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.digest = digest

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """The weights in a folder, whose digests must stand on its card; raises WeightsError."""
        from safetensors.torch import load_file

        folder = folder or WEIGHTS
        card = Card.read(folder)
        for name, path in (("tagger", folder / "tagger.safetensors"), ("base", base_folder() / "model.safetensors")):
            got = sha256(path) if path.is_file() else "no file"
            if card.digests.get(name) != got:
                raise WeightsError(f"{name}: expected digest {card.digests.get(name)}, got {got}")
        tensors = load_file(folder / "tagger.safetensors")
        body, head = bare_encoder(), Head()
        merge(body, tensors, card)
        head.load_state_dict({k.removeprefix("head."): v.float() for k, v in tensors.items() if k.startswith("head.")})
        return cls(body.eval(), head.eval(), card.digest)

    @torch.inference_mode()
    def tag(self, text: str) -> Tokens:
        """Each token's chances. Cost is linear in the tokens."""
        # the tokenizer rejects lone surrogates; each is one code point, and so is what stands in for it
        encoding = self._tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False)
        ids, offsets = encoding.ids, encoding.offsets
        shape = torch.tensor(shapes(text, offsets)).reshape(-1, SHAPES)
        chances = torch.zeros(len(ids), len(CLASSES) + 1)
        room = LENGTH - 2
        step = room - OVERLAP
        for start in range(0, max(len(ids) - OVERLAP, 1), step):
            part = self._window(ids[start : start + room], shape[start : start + room])
            keep = 0 if start == 0 else OVERLAP // 2  # of what two windows see, each has the half farther from its edge
            chances[start + keep : start + room] = part[keep:]
        return Tokens(offsets, chances[:, :-1], chances[:, -1])

    def _window(self, ids: list[int], shape: torch.Tensor) -> torch.Tensor:
        edge = torch.zeros(1, SHAPES)
        edge[0, 0] = 1.0
        tokens = torch.tensor([[101, *ids, 102]])
        states = self._body(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
        logits = self._head(states, torch.cat([edge, shape, edge])[None])
        told = logits[0, 1:-1]
        return torch.cat([torch.softmax(told[:, :-1], -1), torch.sigmoid(told[:, -1:])], -1)
