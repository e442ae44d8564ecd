"""Packs by digest: opening another one is cheap, and whoever reads an older one goes on undisturbed."""

import re
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from deployments.knowledge import layout
from deployments.knowledge.encoder import Encoder
from deployments.knowledge.errors import PackError
from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.pack import read_manifest
from deployments.knowledge.search import Encode

_DIGEST = re.compile(r"[0-9a-f]{64}")


def _encode() -> Encode:
    return Encoder.load().encode


class Shelf:
    """The packs of a folder. A reader asks for `current` once a question and keeps what it got until the end.

    `load` gives the encoder, once a pack has vectors.
    """

    def __init__(self, folder: Path, load: Callable[[], Encode] = _encode) -> None:
        self._folder, self._load = folder, load
        self._current: Knowledge | None = None
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    @property
    def current(self) -> Knowledge | None:
        """What questions are answered from now; None before the first `show`."""
        return self._current

    def show(self, digest: str) -> Knowledge:
        """Answer from the pack with this digest from now on.

        Every byte is held against the manifest first. Raises PackError, and what was shown before stays.
        """
        with self._lock:
            if self._current is None or self._current.digest != digest:
                manifest = read_manifest(self._folder / digest)
                encode = self._encoder if manifest.get("vectors") else None
                self._current = Knowledge.open(self._folder / digest, encode)
            return self._current

    def follow(self) -> str | None:
        """Show the newest pack of the folder; its digest where that is another one than before.

        Raises PackError for one that cannot be read, once; it is passed over from then on.
        """
        newest = next((each for each in self._newest_first() if each not in self._refused), None)
        if newest is None or (self._current and self._current.digest == newest):
            return None
        try:
            self.show(newest)
        except PackError:
            self._refused.add(newest)
            raise
        return newest

    def _newest_first(self) -> list[str]:
        """Packs by when they were finished: a pack is renamed into its place, its manifest is the last of its files."""
        found = [path for path in self._folder.glob(f"*/{layout.MANIFEST}") if _DIGEST.fullmatch(path.parent.name)]
        return [path.parent.name for path in sorted(found, key=lambda path: -path.stat().st_mtime_ns)]

    @cached_property
    def _encoder(self) -> Encode:
        return self._load()
