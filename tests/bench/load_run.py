"""One stretch of load: every question leaves at its moment, however late the answers to the others are."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.bench.load_schedule import Arrival
from tests.load_client import Heard, Tutor, ask

LEAD_S = 0.5  # until the first may leave: all of them are made before


async def drive(
    tutor: Tutor, keys: Sequence[str], arrivals: Sequence[Arrival], note: Callable[[Heard], None] = lambda _: None
) -> list[Heard]:
    """What became of each, in their order, when the last has ended; `note` gets each as it ends.

    Bodies and receipts are dropped after that.
    """
    began = time.monotonic() + LEAD_S

    async def one(number: int, arrival: Arrival) -> Heard:
        key, moment = keys[arrival.person % len(keys)], began + arrival.at_s
        heard = await ask(tutor, key, arrival.asked, number=number, at=moment)
        note(heard)
        return replace(heard, body="", receipts=())

    return await asyncio.gather(*(one(number, arrival) for number, arrival in enumerate(arrivals)))
