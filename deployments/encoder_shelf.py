"""The encoders of one replica, by digest: the shipped one, and those that promotions name. Free of Ray."""

import threading
from pathlib import Path

from deployments.encoder_queue import EncoderQueue
from guards.encoder import Encoder, card_digest
from guards.errors import WeightsError

KEPT = 3  # the one in force, and those before it, by which older questions are judged to their end


class EncoderShelf:
    """Loads an encoder when it is first asked for. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queues: dict[str, EncoderQueue] = {}
        self._turn = threading.Lock()
        self.shipped = card_digest()

    def ready(self, digest: str) -> EncoderQueue | None:
        """The encoder if it is loaded."""
        return self._queues.get(digest)

    def queue(self, digest: str) -> EncoderQueue:
        """The encoder of exactly these weights, about a second when it is new here; raises WeightsError."""
        with self._turn:
            if digest not in self._queues:
                self._queues[digest] = EncoderQueue(self._load(digest))
            if len(self._queues) > KEPT:
                self._queues.pop(next(iter(self._queues))).close()
            return self._queues[digest]

    @property
    def alive(self) -> bool:
        """Whether every encoder's thread is at work."""
        return all(queue.alive for queue in tuple(self._queues.values()))

    def _load(self, digest: str) -> Encoder:
        encoder = Encoder.load(None if digest == self.shipped else self._folder / digest)
        if encoder.digest != digest:
            raise WeightsError(f"guard weights: expected digest {digest}, got {encoder.digest}")
        return encoder
