"""evaluation.json: every measure before and after, and whether the gate holds. Read by whoever promotes."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from train.errors import GateError

NAME = "evaluation.json"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Group = Literal["quality", "safety", "memorisation", "general"]
Unit = Literal["share", "perplexity", "count"]
Better = Literal["higher", "lower"]
Rule = Literal["must_improve", "must_not_worsen", "must_be_zero", "reported"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Estimate(_Part):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Measure(_Part):
    """One measure on one set of items; `difference` is after minus before on the same items."""

    name: str = Field(min_length=1)
    group: Group
    unit: Unit
    better: Better
    n: int = Field(ge=0)
    before: Estimate
    after: Estimate
    difference: Estimate
    rule: Rule
    passed: bool
    why: str


class Base(_Part):
    """The base model: its name, and the digest of its files."""

    name: str
    digest: Digest


class Candidate(_Part):
    """What is to be promoted; `model_digest` is that of the base with the adapter."""

    adapter_digest: Digest
    model_digest: Digest


class Champion(_Part):
    """What it is compared with; without an adapter that is the base."""

    adapter_digest: Digest | None
    model_digest: Digest


class Made(_Part):
    """How the file came to be."""

    command: str
    commit: str
    versions: dict[str, str]
    seconds: float = Field(ge=0)


class Evaluation(_Part):
    """The whole file."""

    format: Literal[1] = 1
    suite_digest: Digest
    base: Base
    candidate: Candidate
    champion: Champion
    dataset_digest: Digest | None
    measures: list[Measure] = Field(min_length=1)
    passed: bool
    reasons: list[str]
    made: Made
    _bytes: bytes | None = PrivateAttr(default=None)

    @property
    def digest(self) -> str:
        """SHA-256 of the file that this was read from, or would be written to."""
        return hashlib.sha256(self._bytes if self._bytes is not None else self._written()).hexdigest()

    def _written(self) -> bytes:
        return (self.model_dump_json(indent=1) + "\n").encode()

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        work = path.with_name(f".{path.name}.half")
        work.write_bytes(self._written())
        work.rename(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; raises GateError when it is not an evaluation."""
        try:
            content = path.read_bytes()
            found = cls.model_validate_json(content)
        except (OSError, ValidationError) as error:
            raise GateError(f"{path.name}: expected an evaluation, got {str(error)[:300]}") from error
        found._bytes = content
        return found
