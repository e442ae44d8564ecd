"""One shard of a campaign: makes attempts one after the other, with processes and a connection of its own."""

import queue
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.attack import garak
from train.attack.attempt import Answer, Attempt, Evaluated, Tried
from train.attack.environment import Environment
from train.attack.pyrit import ConversionFailed, Pyrit
from train.attack.relay import Relay, serve
from train.attack.seeds import digest_of
from train.attack.target import Target
from train.attack.techniques import GARAK, Chain, Probe

LOOK_S = 0.2

Known = Mapping[str, Answer]
"""Answers by attempt that were given before, also to a run that was cut off; what is known is not asked again."""
Item = tuple[Attempt, str]
"""An attempt and the text of its seed."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a shard works with; `out` is the campaign's folder, `attackers` that of the environments."""

    campaign: str
    url: str
    key: str = field(repr=False)
    model: str
    attackers: Path
    out: Path
    chains: Mapping[str, Chain]


class Shard:
    """Sequential. Raises AttackError; what was yielded before is kept by who asked."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._target = Target(where.url, where.key, where.model)
        self._pyrit = Pyrit(Environment.find("pyrit", where.attackers))

    def attack(self, items: Sequence[Item], known: Known) -> Iterator[Tried]:
        """Disguise each text and ask it."""
        for attempt, text in items:
            try:
                sent = self._pyrit.convert(text, self._where.chains[attempt.technique], int(attempt.seed[:8], 16))
            except ConversionFailed:
                yield Tried(attempt, "", Answer("failed", code="conversion failed"))
                continue
            yield Tried(attempt, sent, known.get(attempt.id) or self._ask(attempt, sent))

    def probe(self, probe: Probe, most: int, known: Known) -> Iterator[Tried | Evaluated]:
        """Let garak run one probe, at most `most` prompts of it; last comes what garak counted."""
        folder = self._where.out / "garak" / probe.name
        made: queue.SimpleQueue[Tried] = queue.SimpleQueue()

        def ask(text: str) -> Answer:
            attempt = Attempt.of(self._where.campaign, GARAK + probe.name, digest_of(text), probe.category)
            tried = Tried(attempt, text, known.get(attempt.id) or self._ask(attempt, text))
            made.put(tried)
            return tried.answer

        relay = Relay(ask, most)
        with serve(relay) as uri:
            process = garak.start(Environment.find("garak", self._where.attackers), probe.name, folder, uri, most)
            try:
                yield from _until_ended(process, made)
            finally:
                process.kill()
                process.wait()
        if relay.broken:
            raise relay.broken
        yield garak.evaluated(probe.name, folder)

    def close(self) -> None:
        """End the processes."""
        self._pyrit.close()

    def _ask(self, attempt: Attempt, text: str) -> Answer:
        return self._target.ask(text, asked_as(self._where.campaign, attempt))


def asked_as(campaign: str, attempt: Attempt) -> str:
    """The client_request_id of an attempt: by it the log tells what became of one that was cut off."""
    return f"{campaign}/{attempt.id}"


def _until_ended(process: "subprocess.Popen[bytes]", made: "queue.SimpleQueue[Tried]") -> Iterator[Tried]:
    while process.poll() is None or not made.empty():
        try:
            yield made.get(timeout=LOOK_S)
        except queue.Empty:
            continue
