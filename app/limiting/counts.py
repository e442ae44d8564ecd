"""Where counts are kept, as the limiter sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from limits.aio.storage import Storage

from app.limiting.bounds import Bound


class Leases(Protocol):
    """Places that are taken by requests that run."""

    async def take(self, lease: str, bounds: Sequence[Bound], seconds: float) -> Bound | None:
        """One place under every bound for at most so long, or none at all: then the bound that is full.

        Raises limits.errors.StorageError when that cannot be told.
        """
        ...

    async def give_back(self, lease: str, bounds: Sequence[Bound]) -> None:
        """The places are free again; raises StorageError."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """What was used: a storage of the `limits` library with the clock that it goes by (seconds), and the leases."""

    storage: Storage
    leases: Leases
    clock: Callable[[], float]
