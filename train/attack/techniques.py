"""The attackers' repertoire, read from techniques.toml and probes.toml."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.attack.seeds import Side

TECHNIQUES = Path(__file__).with_name("techniques.toml")
PROBES = Path(__file__).with_name("probes.toml")
PYRIT, GARAK = "pyrit:", "garak:"

Chain = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """One of garak's probes; `category` is what its prompts ask for."""

    name: str
    category: str


def chains(side: Side) -> dict[str, Chain]:
    """Converter chains by the name of the attack, e.g. "pyrit:base64"."""
    found = tomllib.loads(TECHNIQUES.read_text(encoding="utf-8"))[side]
    return {PYRIT + name: tuple(chain) for name, chain in sorted(found.items())}


def digest() -> str:
    """One name for all chains."""
    return hashlib.sha256(TECHNIQUES.read_bytes()).hexdigest()


def probes(*, full: bool) -> tuple[Probe, ...]:
    """The probes of a profile, those of the quick one first."""
    found = tomllib.loads(PROBES.read_text(encoding="utf-8"))
    chosen = found["quick"] | (found["full"] if full else {})
    return tuple(Probe(name, category) for name, category in chosen.items())
