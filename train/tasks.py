"""Which feed files to convert, and converting them one after the other or side by side on Ray."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train import sources
from train.archives import zip_names
from train.convert import File
from train.errors import SourceError
from train.parts import Account, Task, make
from train.sources import Source


def chosen(only: str | None, *, optional: bool) -> dict[str, Source]:
    """The sources to read; raises SourceError for a name that the register has not, or a source that it cannot use."""
    register = sources.load()
    if only:
        names = [name.strip() for name in only.split(",") if name.strip()]
        unknown = sorted(set(names) - set(register))
        if unknown:
            raise SourceError(f"expected names out of {', '.join(sorted(register))}; got {', '.join(unknown)}")
        return {name: register[name] for name in names}
    return {name: source for name, source in register.items() if optional or not source.optional}


def plan(chosen: dict[str, Source], folder: Path | None, cache: Path, out: str, shard: int) -> list[Task]:
    """One task per feed file, for a large zip one per `shard` members. Raises SourceError, DownloadError."""
    tasks: list[Task] = []
    for name, source in chosen.items():
        for path, called in _files(name, source, folder, cache):
            digest = _digest(path)
            shares = max(-(-len(zip_names(path)) // shard), 1) if called.endswith(".zip") else 1
            files = [File(path.absolute(), called, name, (k, shares), tuple(source.members)) for k in range(shares)]
            tasks += [Task(file, source.parser, digest, out) for file in files]
    return tasks


def _files(name: str, source: Source, folder: Path | None, cache: Path) -> list[tuple[Path, str]]:
    """The files of a source and what they are called in origins."""
    if folder is None:
        from train.releases import obtain

        root, found = cache, obtain(name, source, cache)
    else:
        root = folder
        found = sorted(path for path in _below(root) if source.matches(path.relative_to(root).as_posix()))
        if not found and not source.optional:
            raise SourceError(f"{name}: expected files like {', '.join(source.files)} in {root}, found none")
    return [(path, path.relative_to(root).as_posix()) for path in found]


def _below(root: Path) -> Iterator[Path]:
    """Files under a folder, links that lead out of it left out."""
    inside = root.resolve()
    return (path for path in root.rglob("*") if path.is_file() and path.resolve().is_relative_to(inside))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(tasks: Sequence[Task], workers: int, cpus: float) -> Iterator[Account]:
    """Make the parts, as they get ready; on Ray, unless workers is 0."""
    if workers:
        yield from _on_ray(tasks, workers, cpus)
    else:
        yield from map(make, tasks)


def _on_ray(tasks: Sequence[Task], workers: int, cpus: float) -> Iterator[Account]:
    import ray

    from train.placement import require

    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    require([{"CPU": cpus}] * workers)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.from_items([{"task": task} for task in tasks], override_num_blocks=len(tasks))
    made = rows.map(_make, num_cpus=cpus, concurrency=workers)
    for row in made.iter_rows():
        yield Account.read(row["account"])


def _make(row: dict[str, Any]) -> dict[str, Any]:
    import json
    from dataclasses import asdict

    return {"account": json.dumps(asdict(make(row["task"])))}
