"""Whether the files that a promotion names are still here, unchanged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.adapter import FILES
from deployments.embedded import sha256
from train.errors import GateError
from train.promotion.shelf import place_of


def check(fields: Mapping[str, Any], models: Path) -> None:
    """Hash every file of a promotion's fields again; raises GateError naming the first that lacks or differs."""
    adapter = fields["adapter_digest"]
    for name, want in sorted(fields["weights"].items()):
        folder = place_of(models, adapter) if adapter and name in FILES else models / fields["base"]
        try:
            came = sha256(folder / name)
        except OSError as error:
            raise GateError(f"{folder.name}/{name}: expected a file of the promoted model: {error.strerror}") from error
        if came != want:
            raise GateError(f"{folder.name}/{name}: expected sha256 {want}, came {came}")
