"""Where promoted adapters lie: `<models>/adapters/<adapter digest>`, each whole or not there at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit import disk
from deployments.embedded import sha256
from train.promotion.errors import Unsure

ADAPTERS, RECEIPTS = "adapters", "receipts"


def place_of(models: Path, adapter_digest: str) -> Path:
    """The folder in which the Model deployment looks for an adapter."""
    return models / ADAPTERS / adapter_digest


@contextmanager
def workshop(beside: Path) -> Iterator[Path]:
    """An empty folder on the disk where the finished one will lie; what is left in it at the end is thrown away."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=beside.parent, prefix=".promoting-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def placed(made: Path, final: Path) -> Iterator[None]:
    """Move a finished folder under its name; when the block fails, what was there before is there again.

    A block that is unsure, or broken off from outside, leaves the folder: the log may have taken the record. A folder
    that no record names harms nobody, while a record without its folder is a model that cannot be served.
    """
    _settle(made)
    former = made.with_name(f"{made.name}-former") if final.exists() else None
    if former:
        final.rename(former)
    made.rename(final)
    disk.sync_folder(final.parent)
    try:
        yield
    except Unsure:
        raise
    except Exception:
        shutil.rmtree(final)
        if former:
            former.rename(final)
        raise
    if former:
        shutil.rmtree(former)


def same(one: Path, other: Path, but: str) -> bool:
    """Whether two folders hold the same files, one name left aside."""
    return other.is_dir() and _digests(one, but) == _digests(other, but)


def keep_receipt(models: Path, model_digest: str, name: str, proof: str) -> Path:
    """Put a receipt beside the adapters, in the folder of the model that it is about; an equal one is left alone."""
    path = models / ADAPTERS / RECEIPTS / model_digest / name
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.create(path, proof.encode())
    return path


def _digests(folder: Path, but: str) -> dict[str, str]:
    return {file.name: sha256(file) for file in folder.iterdir() if file.name != but}


def _settle(folder: Path) -> None:
    """Make a new folder's files durable, and readable by others as a temporary folder is not."""
    folder.chmod(0o755)
    for file in folder.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    disk.sync_folder(folder)
