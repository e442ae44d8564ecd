"""Packs by digest: opening another one is cheap, and whoever reads an older one goes on undisturbed."""

import threading
from pathlib import Path

from deployments.knowledge.errors import NoPack
from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.search import Encode


class Shelf:
    """The packs of a folder. A reader asks for `current` once a question and keeps what it got until the end."""

    def __init__(self, folder: Path, encode: Encode | None = None) -> None:
        self._folder, self._encode = folder, encode
        self._current: Knowledge | None = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Knowledge:
        """What questions are answered from now; raises NoPack before the first `show`."""
        if self._current is None:
            raise NoPack(f"expected a pack of {self._folder} to be shown, got none yet")
        return self._current

    def show(self, digest: str) -> Knowledge:
        """Answer from the pack with this digest from now on.

        Every byte is held against the manifest first. Raises PackError, and what was shown before stays.
        """
        with self._lock:
            if self._current is None or self._current.digest != digest:
                self._current = Knowledge.open(self._folder / digest, self._encode)
            return self._current
