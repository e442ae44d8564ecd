"""The vectors of a pack, in shares that are kept: a run that was cut off, or the next pack, makes only what is new."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deployments.knowledge import layout
from deployments.knowledge.encoder import WIDTH
from deployments.knowledge.search import Encode

SHARE = 256  # texts of a file
_LETTERS = 400  # of a text that are embedded, beside the name
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|\(Citation:[^)]*\)")
Numbers = NDArray[np.int8]


def text_of(name: str, text: str, context: Sequence[str]) -> str:
    """What of a thing is embedded: what it is called, and how its text begins."""
    called, told = ": ".join((*context, name)), _LINK.sub(r"\1", text)
    return f"{called}. {told[:_LETTERS]}"


def write(
    texts: Sequence[str], rows: Sequence[int], folder: Path, kept: Path,
    encode: Encode, model: str,
) -> Iterator[int]:  # fmt: skip
    """Write the vectors of these rows of things; yields how many texts are done. `kept`: where shares are looked for.

    A share is named by the encoder and its texts. A vector is kept in 8 bits with a scale of its own.
    """
    kept.mkdir(parents=True, exist_ok=True)
    numbers: list[Numbers] = []
    scales: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), SHARE):
        made = _share(texts[start : start + SHARE], kept, encode, model)
        numbers.append(np.rint(made / _steps(made)[:, None]).astype(np.int8))
        scales.append(_steps(made))
        yield start + len(made)
    np.save(folder / layout.VECTORS, np.concatenate([*numbers, np.zeros((0, WIDTH), np.int8)]))
    np.save(folder / layout.SCALES, np.concatenate([*scales, np.zeros(0, np.float32)]))
    np.save(folder / layout.VECTOR_ROWS, np.array(rows, np.int32))


def _steps(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    steps: NDArray[np.float32] = np.abs(vectors).max(-1) / np.float32(127)
    return steps


def _share(texts: Sequence[str], kept: Path, encode: Encode, model: str) -> NDArray[np.float32]:
    name = hashlib.sha256(json.dumps([model, *texts]).encode()).hexdigest()
    path = kept / f"{name}.npy"
    if not path.is_file():
        half = path.with_suffix(".half")
        with half.open("wb") as file:
            np.save(file, np.stack([encode(text) for text in texts]))
        half.replace(path)
    found: NDArray[np.float32] = np.load(path)
    return found
