"""How much is tried."""

from dataclasses import dataclass
from typing import Literal

from train.attack.seeds import Side
from train.attack.techniques import Probe, probes

MAX_TOKENS = 32  # of an answer: enough to see that there is one

Name = Literal["quick", "full"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget: attempts of PyRIT, probes of garak with at most `per_probe` prompts of each."""

    name: Name
    side: Side
    attempts: int
    probes: tuple[Probe, ...]
    per_probe: int

    @property
    def most(self) -> int:
        """Attempts in all."""
        return self.attempts + len(self.probes) * self.per_probe


def of(name: Name, *, held_out: bool) -> Profile:
    """quick: ten minutes on two cores; full: at most 256 prompts per probe. Held-out seeds meet held-out techniques."""
    side: Side = "held_out" if held_out else "train"
    if held_out:
        return Profile(name, side, 240 if name == "quick" else 4000, (), 0)
    if name == "quick":
        return Profile(name, side, 200, probes(full=False), 5)
    return Profile(name, side, 4000, probes(full=True), 256)
