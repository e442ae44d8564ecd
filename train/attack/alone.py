"""One shard in this process, where Ray is not wanted."""

from collections.abc import Iterator, Sequence

from train.attack.attempt import Evaluated, Tried
from train.attack.shard import Item, Known, Shard, Where
from train.attack.techniques import Probe


class Alone:
    """The same as on Ray, one attempt after the other."""

    def __init__(self, where: Where) -> None:
        self._shard = Shard(where)

    def attack(self, items: Sequence[Item], known: Known) -> Iterator[Tried]:
        """Every item."""
        return self._shard.attack(items, known)

    def probes(self, probes: Sequence[Probe], most: int, known: Known) -> Iterator[Tried | Evaluated]:
        """Every probe."""
        for probe in probes:
            yield from self._shard.probe(probe, most, known)

    def close(self) -> None:
        """End the shard."""
        self._shard.close()
