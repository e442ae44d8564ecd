"""The adapter that this version ships for a model: `deployments/adapters/<model>/`, or none."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deployments.adapter import AdapterFolder, open_adapter
from deployments.embedded import ModelFilesDiffer, sha256
from deployments.promoted import ADAPTERS

SHIPPED = Path(__file__).resolve().parents[1] / "deployments" / ADAPTERS


@dataclass(frozen=True, slots=True)
class ShippedAdapter:
    """An adapter, and what its papers say: digests of its base and its data, and the name of its gate."""

    folder: AdapterFolder
    base: str
    dataset: str | None
    gate: str

    def place(self, models: Path) -> None:
        """Put it with its papers where the Model looks for it; what lies there unchanged is left alone."""
        target = models / ADAPTERS / self.folder.digest
        if _is_intact(AdapterFolder(target, self.folder.files)):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".shipping-"))
        try:
            shutil.copytree(self.folder.path, work / "adapter")
            shutil.rmtree(target, ignore_errors=True)
            (work / "adapter").rename(target)
        finally:
            shutil.rmtree(work)


def find(name: str, shipped: Path = SHIPPED) -> ShippedAdapter | None:
    """The adapter for this model; None where none ships. Raises OSError, ValueError for a folder that is not whole."""
    path = shipped / name
    if not path.is_dir():
        return None
    run = json.loads((path / "run.json").read_text())
    try:
        dataset = run["dataset"]["digest"] if run["dataset"] else None
        gate = f"{run['name'][:200]}-{sha256(path / 'evaluation.json')[:16]}"  # as train.promote names it
        return ShippedAdapter(open_adapter(path), run["base"]["digest"], dataset, gate)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}/run.json: expected name, base and dataset of a run, came no {error}") from error


def _is_intact(folder: AdapterFolder) -> bool:
    try:
        folder.check()
    except (OSError, ModelFilesDiffer):
        return False
    return True
