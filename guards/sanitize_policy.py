"""The sanitizer's policy file: the closed list of labels, and what is done with each."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml


@dataclass(frozen=True, slots=True)
class Policy:
    """guards/sanitizer.yaml: what is done with each label, thresholds, sites of public reference."""

    acts: dict[str, str]
    thresholds: dict[str, float]
    sites: frozenset[str]
    digest: str

    @classmethod
    def load(cls, path: Path = Path(__file__).parent / "sanitizer.yaml") -> Self:
        """The shipped policy."""
        raw = path.read_bytes()
        read = yaml.safe_load(raw)
        sites = frozenset(read["reference_sites"])
        return cls(dict(read["labels"]), dict(read["thresholds"]), sites, hashlib.sha256(raw).hexdigest())
