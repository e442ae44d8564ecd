"""The trained encoder: texts in, calibrated scores out. CPU, one window at a time.

Windows run singly on purpose: in a padded batch the last digits depend on the neighbours, and a score near a
threshold would then depend on who else is asking. On one core a batch would gain little.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from guards import graph
from guards.card import Card, base_folder
from guards.errors import WeightsError
from guards.scores import Scores, make, worst

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHTS = Path(__file__).parent / "weights"

Window = tuple[int, ...]
"""Token ids of one stretch of a text, special tokens included."""

Run = Callable[[Window], tuple[float, Sequence[float]]]
"""The network: a window's chance of override, and its four chances of intent."""

_log = logging.getLogger(__name__)


def sha256(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Encoder:
    """MiniLM with our adapter merged in and our two heads on top. Use `Encoder.load`. Safe for several threads."""

    def __init__(self, run: Run, tokenizer: "Tokenizer", digest: str) -> None:
        self._run, self._tokenizer = run, tokenizer
        self.digest = digest

    @classmethod
    def load(cls, folder: Path | None = None, cache: Path | None = None, *, exact: bool = False) -> Self:
        """Read weights whose digests stand on their card; anything else raises WeightsError.

        The int8 graph is built at the first start, about a second, and kept in `cache` when the card names its
        digest. `exact` runs the same weights in fp32 under torch instead, to compare with: about five times slower.
        """
        from tokenizers import Tokenizer

        folder, base = folder or WEIGHTS, base_folder()
        card = Card.read(folder)
        _verify(card, "guard.safetensors", folder / "guard.safetensors")
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(card.length, stride=card.overlap)
        if exact:
            from guards import network

            _verify(card, "base", base / "model.safetensors")
            return cls(network.exact(folder), tokenizer, card.digest)
        return cls(_session(_graph(card, folder, base, cache or cache_folder())), tokenizer, card.digest)

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Scores of each text, the worst over its overlapping windows of 128 tokens. Cost is linear in the tokens."""
        cut = [self.windows(text) for text in texts]
        found = {window: self.score_window(window) for window in dict.fromkeys(chain.from_iterable(cut))}
        return [worst(found[window] for window in windows) for windows in cut]

    def windows(self, text: str) -> tuple[Window, ...]:
        """The overlapping windows of a text, at least one."""
        # the tokenizer rejects lone surrogates; nothing readable is lost with them
        encoding = self._tokenizer.encode(text.encode("utf-8", "replace").decode())
        return tuple(tuple(window.ids) for window in (encoding, *encoding.overflowing))

    def score_window(self, window: Window) -> Scores:
        """Scores of one window."""
        override, intent = self._run(window)
        return make(override, *intent[1:])


def card_digest(folder: Path | None = None) -> str:
    """What `Encoder.digest` will be, read from the card alone; raises WeightsError."""
    return Card.read(folder or WEIGHTS).digest


def cache_folder() -> Path:
    """Where built graphs are kept: under PRECEPTOR_HOME, else where the user's caches are."""
    home = os.environ.get("PRECEPTOR_HOME")
    if home:
        return Path(home) / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "preceptor"


def _verify(card: Card, name: str, path: Path) -> None:
    expected, got = card.digests.get(name), sha256(path) if path.is_file() else "no file"
    if expected != got:
        raise WeightsError(f"{name}: expected digest {expected}, got {got}")


def _graph(card: Card, folder: Path, base: Path, cache: Path) -> bytes:
    """The graph with the digest on the card, from the cache or built anew; without one there, built every time."""
    expected = card.digests.get("graph")
    kept = cache / f"{expected}.onnx"
    if expected and kept.is_file():
        found = kept.read_bytes()
        if graph.digest(found) == expected:
            return found
    _verify(card, "base", base / "model.safetensors")
    built = graph.assemble(folder, base)
    if expected is None:
        return built
    if graph.digest(built) != expected:
        raise WeightsError(f"graph: expected digest {expected}, got {graph.digest(built)}")
    try:
        graph.write(kept, built)
    except OSError as error:  # it only makes the next start slower
        _log.warning("the guard's graph was not kept in %s: %s", cache, error)
    return built


def _session(built: bytes) -> Run:
    import numpy as np

    session = _opened(built)
    if _proof(session) != graph.PROOF:
        session = _opened(built, exact=True)

    def run(window: Window) -> tuple[float, Sequence[float]]:
        override, intent = session.run(("override", "intent"), {"ids": np.array([window], dtype=np.int64)})
        return float(override[0, 0]), intent[0].tolist()

    return run


def _proof(session: Any) -> float:
    """What the largest sum of int8 products comes to on this processor."""
    import numpy as np

    return float(session.run(("proof",), {"ids": np.zeros((1, 1), np.int64)})[0][0, 0])


def _opened(built: bytes, *, exact: bool = False) -> Any:
    """A session on one core. `exact`: int8 products that cannot overflow, slower where they could not anyway."""
    import onnxruntime as ort  # type: ignore[import-untyped]

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # the graph is drawn as it should run, so that there is nothing to rewrite but signed weights to unsigned ones
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return ort.InferenceSession(built, options, providers=["CPUExecutionProvider"])
