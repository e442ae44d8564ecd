"""challenge.json: champion and challenger on the same texts, and whether the challenger may judge anyone."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.errors import GateError
from train.evaluation.report import Digest, Estimate

NAME = "challenge.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measure(_Part):
    """One measure, more is better. difference: challenger minus champion, on the same items; lost, won: items.

    unit: a share of `n` items; error: minus the expected calibration error; ratio: minus the relative growth of p95.
    """

    name: str = Field(min_length=1)
    unit: Literal["share", "error", "ratio"]
    n: int = Field(ge=0)
    champion: Estimate
    challenger: Estimate
    difference: Estimate
    lost: int = Field(0, ge=0)
    won: int = Field(0, ge=0)


class Miss(_Part):
    """An item that the challenger judges wrongly and the champion does not; only its group, source and digest."""

    group: str
    source: str
    sha256: Digest


class Challenge(_Part):
    """The whole file. Digests of guard weights, of the policy that both judged by, and of what was asked."""

    format: Literal[1] = 1
    champion: Digest
    challenger: Digest
    policy_digest: Digest
    suite_digest: Digest
    dataset_digest: Digest | None
    measures: Annotated[list[Measure], Field(min_length=1)]
    lost: list[Miss]
    passed: bool
    reasons: list[str]
    command: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self._written()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        work = path.with_name(f".{path.name}.half")
        work.write_bytes(self._written())
        work.rename(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; raises GateError when it is no challenge."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise GateError(f"{path.name}: expected a challenge, got {str(error)[:300]}") from error

    def _written(self) -> bytes:
        return (self.model_dump_json(indent=1) + "\n").encode()
