"""What to try next, from what was tried: the same past gives the same plan, so a campaign goes on where it stopped."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from train.attack.attempt import Attempt, Tried
from train.attack.bandit import choose
from train.attack.seeds import Seed

BENIGN_EVERY = 3  # of three attempts one is benign, in the disguise of the one before: else "encoded" would mean "bad"


@dataclass(slots=True)
class Planner:
    """Plans one campaign. `arms`: techniques; `seeds`: the pool; `chance`: what the draws depend on.

    evenly: every technique as often as any other, which a test needs; else whichever promises most.
    """

    campaign: str
    arms: Sequence[str]
    seeds: Sequence[Seed]
    chance: int = 7
    evenly: bool = False
    _shuffled: dict[bool, list[Seed]] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.chance)  # noqa: S311 - reproducible, not secret
        every = rng.sample(self.seeds, len(self.seeds))
        self._shuffled = {harmful: [seed for seed in every if seed.harmful is harmful] for harmful in (True, False)}

    def batch(self, size: int, planned: Sequence[Attempt], tried: Sequence[Tried]) -> list[Attempt]:
        """The next attempts, fewer once no seed is left. All that was planned before must be tried by then."""
        tally, used = self._tally(tried), {attempt.id for attempt in planned}
        made: list[Attempt] = []
        for number in range(len(planned), len(planned) + size):
            before = made[-1] if made else (planned[-1] if planned else None)
            attempt = self._next(number, before, tally, used)
            if attempt is None:
                break
            used.add(attempt.id)
            made.append(attempt)
        return made

    def _next(
        self, number: int, before: Attempt | None, tally: dict[str, tuple[int, int]], used: set[str]
    ) -> Attempt | None:
        harmful = number % BENIGN_EVERY != BENIGN_EVERY - 1
        rng = random.Random(f"{self.chance} {number}")  # noqa: S311 - reproducible, not secret
        arms = [before.technique] if before and not harmful else list(self.arms)
        while arms:
            turn = number - number // BENIGN_EVERY  # of the harmful attempts
            arm = arms[turn % len(arms)] if self.evenly else choose(arms, tally, rng)
            if harmful:
                tally.setdefault(arm, (0, 0))  # planned, so no longer untried
            for made in self._of(arm, harmful, number):
                if made.id not in used:
                    return made
            arms.remove(arm)  # it met every seed
        return None

    def _of(self, arm: str, harmful: bool, number: int) -> Iterator[Attempt]:
        """Attempts with this technique, beginning with a seed that was not yet its turn."""
        seeds = self._shuffled[harmful]
        return (Attempt.on(self.campaign, arm, seeds[(number + step) % len(seeds)]) for step in range(len(seeds)))

    def _tally(self, tried: Sequence[Tried]) -> dict[str, tuple[int, int]]:
        """Attempts that failed count as held: a technique that never works must not stay untried for ever."""
        harmful = [each for each in tried if each.attempt.harmful]
        every = Counter(each.attempt.technique for each in harmful)
        passed = Counter(each.attempt.technique for each in harmful if each.outcome == "bypass")
        return {arm: (passed[arm], every[arm] - passed[arm]) for arm in self.arms if arm in every}
