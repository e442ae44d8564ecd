"""The base that an adapter was tuned on: its files, and under which licence they came."""

from dataclasses import dataclass
from pathlib import Path

from deployments import embedded, garden
from train.errors import ModelError


@dataclass(frozen=True, slots=True)
class KnownBase:
    """A base model on this disk. hub: its name at a model hub; that, address and notes may be empty."""

    name: str
    digest: str
    files: dict[str, str]
    licence: str
    licence_url: str = ""
    licence_notes: str = ""
    hub: str = ""


def find(name_or_dir: str, models: Path, licence: str | None) -> KnownBase:
    """The base of this name or folder, its files hashed; raises ModelError.

    An adapter is a work made of its base, so a base whose licence nobody tells cannot be promoted.
    """
    try:
        folder = embedded.open_folder(garden.resolve(name_or_dir, models).absolute())
        folder.check()
    except (garden.GardenError, OSError, ValueError, embedded.ModelFilesDiffer) as error:
        raise ModelError(f"base: {error}") from error
    entry = garden.load().get(folder.name)
    if entry is None and not licence:
        raise ModelError(f"{folder.name}: models.yaml does not name it, so expected its licence, got none")
    if entry is None:
        return KnownBase(folder.name, folder.digest, folder.files, str(licence))
    told = (entry.licence, entry.licence_url, " ".join(entry.licence_notes.split()), entry.hub)
    return KnownBase(folder.name, folder.digest, folder.files, *told)
