"""Shards side by side on Ray: an actor each, whose attempts come back one by one as they are made.

A shard that dies takes only what it had under way with it; who asked sees what is missing, and asks again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError

from train.attack.attempt import Evaluated, Tried
from train.attack.shard import Item, Known, Shard, Where
from train.attack.techniques import Probe
from train.placement import join_cluster

CPUS = 0.2  # a shard mostly waits for the tutor, whose graph it must leave room


class RayShards:
    """As many shards as asked for, on the cluster that this job was submitted to, else a local one."""

    def __init__(self, where: Where, workers: int) -> None:
        join_cluster(workers, {"CPU": CPUS})
        actor = ray.remote(num_cpus=CPUS, max_restarts=3)(Shard)
        self._shards: list[Any] = [actor.remote(where) for _ in range(workers)]

    def attack(self, items: Sequence[Item], known: Known) -> Iterator[Tried]:
        """Every item, shared out evenly, in the order in which they are done."""
        count = len(self._shards)
        shares = [items[number::count] for number in range(count)]
        yield from _merged(
            [
                _stream(shard.attack, share, {a.id: known[a.id] for a, _ in share if a.id in known})
                for shard, share in zip(self._shards, shares, strict=True)
                if share
            ]
        )

    def probes(self, probes: Sequence[Probe], most: int, known: Known) -> Iterator[Tried | Evaluated]:
        """Every probe, shared out evenly."""
        yield from _merged(
            [_stream(self._shards[number % len(self._shards)].probe, probe, most, known)
             for number, probe in enumerate(probes)]
        )  # fmt: skip

    def close(self) -> None:
        """End the shards."""
        for shard in self._shards:
            ray.kill(shard)


def _stream(method: Any, *arguments: Any) -> Any:
    return method.options(num_returns="streaming").remote(*arguments)


def _merged(streams: list[Any]) -> Iterator[Any]:
    """What all streams bring, as it comes; one whose actor died just ends."""
    while streams:
        (ready,), _ = ray.wait(streams, num_returns=1, fetch_local=False)
        try:
            yield ray.get(next(ready))
        except (StopIteration, RayActorError):
            streams.remove(ready)
