"""Configurations that were put in force, by digest, and a journal of what became of each: `<home>/releases/`."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.releasing.config import Config, digest
from app.releasing.errors import ReleaseError


@dataclass(frozen=True, slots=True)
class Line:
    """One step: `kept` or `taken back`; `previous` is what ran before."""

    step: str
    digest: str
    previous: str
    outcome: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class History:
    """The folder. It is a convenience beside the control log, which holds the digests for good."""

    folder: Path

    def keep(self, config: Config) -> str:
        """Store a configuration under its digest, mode 0600; returns the digest."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = digest(config)
        path = self.folder / f"{name}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=1, sort_keys=True))
        return name

    def read(self, name: str) -> Config:
        """The configuration of a digest; raises ReleaseError if it is not here or is not what its name says."""
        try:
            config: Config = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, ValueError) as error:
            raise ReleaseError(f"{name}: no such configuration in {self.folder}") from error
        if digest(config) != name:
            raise ReleaseError(f"{name}.json: its content has another digest, {digest(config)}")
        return config

    def note(self, line: Line) -> None:
        """Append to the journal."""
        with (self.folder / "journal.jsonl").open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")

    def before(self, name: str) -> str:
        """What ran before the configuration `name` was kept; raises ReleaseError when the journal does not say."""
        for line in reversed(list(self._lines())):
            if line.digest == name and line.outcome == "kept" and line.previous != name:
                return line.previous
        raise ReleaseError(f"the journal in {self.folder} does not say what ran before {name[:12]}; give --to DIGEST")

    def _lines(self) -> Iterator[Line]:
        path = self.folder / "journal.jsonl"
        for text in path.read_text().splitlines() if path.exists() else []:
            yield Line(**json.loads(text))
