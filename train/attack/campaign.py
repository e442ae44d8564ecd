"""A campaign from its first attempt to its last: plan, try, keep, record; whatever was done stays done."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

from train.attack.attempt import Answer, Evaluated, Outcome, Tried
from train.attack.errors import AttackerFailed
from train.attack.journal import Journal
from train.attack.planner import Planner
from train.attack.profiles import Profile
from train.attack.shard import Item, Known
from train.attack.techniques import Probe

BATCH = 24  # attempts between two looks at what works; the same for any number of shards, so that the plan is too
ROUNDS = 3
ARRIVED_S = 3.0  # from being sent to being a record: the guard looks at it in between


class Shards(Protocol):
    """Who makes attempts, in whatever order; what is missing at the end was not made."""

    def attack(self, items: Sequence[Item], known: Known) -> Iterator[Tried]:
        """Texts of seeds, disguised and asked."""

    def probes(self, probes: Sequence[Probe], most: int, known: Known) -> Iterator[Tried | Evaluated]:
        """Probes of garak, each with what garak counted once it came to its end."""

    def close(self) -> None:
        """End what was started for it."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a campaign needs. `before`: the answers that the log has of it; `record`: makes findings of attempts."""

    profile: Profile
    journal: Journal
    planner: Planner
    shards: Shards
    record: Callable[[Sequence[Tried]], None]
    before: Callable[[], Mapping[str, Answer]]
    say: Callable[[str], None]

    def run(self) -> list[Tried]:
        """All attempts, those of earlier runs too, by id. Raises AttackError, RemoteError, AuditError, OSError."""
        progress = Progress(self.profile.most, len(self.journal.tried), time.monotonic())
        known = self._left_under_way() if self.journal.planned else {}
        self._converters(known, progress)
        self._probes(known, progress)
        self._keep_record()
        return [self.journal.tried[name] for name in sorted(self.journal.tried)]

    def _left_under_way(self) -> Known:
        """What the log tells of an earlier run, once all that it sent has come so far."""
        time.sleep(max(0.0, ARRIVED_S - self.journal.quiet_s))
        return self.before()

    def _converters(self, known: Known, progress: "Progress") -> None:
        while True:
            self._until_made(known, progress)
            planned = self.journal.planned
            size = min(BATCH, self.profile.attempts - len(planned))
            batch = self.planner.batch(size, planned, list(self.journal.tried.values()))
            if not batch:
                return
            self.journal.plan(batch)

    def _until_made(self, known: Known, progress: "Progress") -> None:
        texts = {seed.digest: seed.text for seed in self.planner.seeds}
        for number in range(ROUNDS):
            items = [(attempt, texts[attempt.seed]) for attempt in self.journal.waiting]
            if not items:
                return
            self._keep(self.shards.attack(items, self.before() if number else known), progress)
        if self.journal.waiting:
            raise AttackerFailed(
                f"expected all attempts to be made, {len(self.journal.waiting)} were not; run it again"
            )

    def _probes(self, known: Known, progress: "Progress") -> None:
        for number in range(ROUNDS):
            left = [probe for probe in self.profile.probes if probe.name not in self.journal.evaluated]
            if not left:
                return
            tried = {name: tried.answer for name, tried in self.journal.tried.items()}
            logged = self.before() if number else known
            self._keep(self.shards.probes(left, self.profile.per_probe, {**logged, **tried}), progress)
        if len(self.journal.evaluated) < len(self.profile.probes):
            raise AttackerFailed("expected garak to finish its probes, it did not; run it again")

    def _keep(self, made: Iterator[Tried | Evaluated], progress: "Progress") -> None:
        for each in made:
            if isinstance(each, Evaluated):
                self.journal.evaluate(each)
                continue
            self.journal.keep(each)
            if len(self.journal.unrecorded) >= BATCH:
                self._keep_record()
                self.say(progress.line(list(self.journal.tried.values())))

    def _keep_record(self) -> None:
        left = self.journal.unrecorded
        if left:
            self.record(left)
            self.journal.record(each.attempt.id for each in left)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is; `already` attempts were made by earlier runs."""

    most: int
    already: int
    began: float

    def line(self, tried: Sequence[Tried]) -> str:
        """One line for the user."""
        ends = [each.outcome for each in tried]
        seconds = (time.monotonic() - self.began) / max(1, len(tried) - self.already) * (self.most - len(tried))
        counts = "  ".join(f"{name.replace('_', ' ')} {ends.count(name)}" for name in get_args(Outcome))
        return f"{len(tried)} of at most {self.most} attempts  {counts}  about {max(0.0, seconds):.0f} s left"
