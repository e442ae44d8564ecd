"""Which feed files to convert, and converting them one after the other or side by side on Ray."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train import sources
from train.archives import zip_names
from train.convert import File
from train.errors import SourceError
from train.gathering import Feeds, digest, from_folder, from_publisher
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
    """The tasks of all sources, from a folder or else from their publishers. Raises SourceError, DownloadError."""
    tasks: list[Task] = []
    for name, source in chosen.items():
        found = from_folder(name, source, folder) if folder else from_publisher(name, source, cache)
        tasks += of(name, source, found, out, shard)
    return tasks


def of(name: str, source: Source, found: Feeds, out: str, shard: int) -> Iterator[Task]:
    """One task per feed file of a source, for a large zip one per `shard` members."""
    for path, called in found.files:
        seen = digest(path, called)
        shares = max(-(-len(zip_names(path)) // shard), 1) if called.endswith(".zip") else 1
        members = () if found.package else tuple(source.members)
        for k in range(shares):
            yield Task(File(path.absolute(), called, name, (k, shares), members), found.parser, seen, out)


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
