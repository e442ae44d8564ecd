"""Compare training rows with every evaluation set: `python -m train.decontaminate --data DIR --rows URI [--out FILE]`.

A row is to be removed when it names a CVE that an item names, shares 13 words in a row with an item, or is as like one
as --similarity says (Jaccard over word 3-grams). With --knowledge, 13 words that a published text has as well are told
apart: row and item may both quote it. They are removed all the same. Prints a table, a line for each set, and with
--out writes it as JSON with the rows to be removed and why.
Exit status: 0 nothing is to be removed, 1 rows are, 2 could not run.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train import evaluation_sets
from train.errors import KnowledgeError
from train.overlap import NAMED, RUN, SHINGLE, SIMILARITY, TESTS, Compared, Index, RowText, Touch

if TYPE_CHECKING:
    import ray

CPUS_PER_WORKER = 0.4  # fractions, so that a job fits beside the serving graph on two cores
COLUMNS = ("id", "messages", "object_ids")


@dataclass(slots=True)
class Report:
    """What was found so far: rows to be removed, and for each set how many rows each test touched."""

    items: Mapping[str, int]
    similarity: float
    rows: int = 0
    removed: dict[str, tuple[Touch, ...]] = field(default_factory=dict)
    touched: Counter[tuple[str, str]] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    nearest: dict[str, float] = field(default_factory=dict)

    def add(self, row: Compared) -> None:
        """Count one row."""
        self.rows += 1
        self.touched.update({(touch.set, touch.test) for touch in row.touches})
        if row.removed:
            why = tuple(touch for touch in row.touches if touch.test != NAMED)
            self.removed[row.id] = why
            self.taken.update({touch.set for touch in why})
        else:
            for name, share in row.nearest.items():
                self.nearest[name] = max(share, self.nearest.get(name, 0.0))

    def told(self) -> dict[str, Any]:
        """As JSON; the same rows and sets give the same, in whatever order they came."""
        sets = {
            name: {
                "items": count,
                "touched": {test: self.touched[name, test] for test in TESTS},
                "removed": self.taken[name],
                "nearest": round(self.nearest.get(name, 0.0), 3),
            }
            for name, count in sorted(self.items.items())
        }
        removed = {name: [asdict(touch) for touch in why] for name, why in sorted(self.removed.items())}
        how = {"words": RUN, "shingle": SHINGLE, "similarity": self.similarity}
        return {"rows": self.rows, "how": how, "sets": sets, "removed": removed}


def text_of(row: Mapping[str, Any]) -> RowText:
    """What is compared of a row of the teaching set."""
    said = [(each["role"], each["content"]) for each in row["messages"]]
    question = "\n".join(text for role, text in said if role == "user")
    return RowText(row["id"], question, "\n".join(text for _, text in said), tuple(row["object_ids"]))


def index(folder: Path, sets: Path, knowledge: str | None, similarity: float = SIMILARITY) -> Index:
    """All evaluation items below a folder, ready to be compared with. Raises KnowledgeError."""
    register = evaluation_sets.load(sets)
    items = [item for name, each in register.items() for item in evaluation_sets.items(name, each, folder)]
    made = Index(items, similarity)
    if knowledge:
        made.publish(_texts(knowledge))
    return made


def _texts(knowledge: str) -> Iterator[str]:
    """Every published text of a knowledge base."""
    from train.row_files import NoRows, rows

    for row in rows(knowledge, ["text", "facts"], "records"):
        yield row["text"]
        yield from (text for _, values in row["facts"] for text in values)
    with suppress(NoRows):  # a knowledge base of some sources has no relations
        yield from (row["text"] for row in rows(knowledge, ["text"], "relations"))


def check(rows: Iterable[Mapping[str, Any]], items: Index) -> Report:
    """Compare rows of the teaching set, in this process."""
    report = empty(items)
    for row in rows:
        report.add(items.compare(text_of(row)))
    return report


def empty(items: Index) -> Report:
    """A report of no row yet."""
    return Report(Counter(item.set for item in items.items), items.similarity)


class Worker:
    """Compares batches; what it says of a row is JSON."""

    def __init__(self, items: Index) -> None:
        self._items = items

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """The column compared of a batch with the COLUMNS."""
        rows = ({name: batch[name][i] for name in COLUMNS} for i in range(len(batch["id"])))
        return {"compared": [json.dumps(asdict(self._items.compare(text_of(row)))) for row in rows]}


def check_on_ray(rows: "ray.data.Dataset", items: Index, workers: int) -> Report:
    """Compare rows of the teaching set on Ray Data actors, as they stream by."""
    import ray

    report, shared = empty(items), ray.put(items)
    made = rows.map_batches(_Fetching, batch_size=250, fn_constructor_args=(shared,), concurrency=workers,
                            num_cpus=CPUS_PER_WORKER)  # fmt: skip
    for batch in made.iter_batches(batch_size=None):
        for text in batch["compared"]:
            row = json.loads(str(text))
            report.add(Compared(row["id"], tuple(Touch(**each) for each in row["touches"]), row["nearest"]))
    return report


class _Fetching(Worker):
    def __init__(self, shared: Any) -> None:
        import ray

        super().__init__(ray.get(shared))


def table(told: Mapping[str, Any]) -> str:
    """The report for people: a line for each set."""
    lines = [("set", "items", *TESTS[:-1], "removed", "nearest left", "id, kept")]
    for name, each in told["sets"].items():
        counts = [each["touched"][test] for test in TESTS]
        cells = (each["items"], *counts[:-1], each["removed"], f"{each['nearest']:.3f}", counts[-1])
        lines.append((name, *(str(cell) for cell in cells)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    drawn = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*drawn, "", f"{told['rows']} rows compared, {len(told['removed'])} to be removed"])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m train.decontaminate", description=__doc__.split("\n")[0])
    data = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--data", type=Path, default=data, metavar="DIR", help="where the evaluation sets lie")
    options.add_argument("--rows", required=True, metavar="URI", help="what train.pairs made: a folder or a URI")
    options.add_argument(
        "--sets", type=Path, default=evaluation_sets.REGISTER, metavar="FILE", help="which sets (TOML)"
    )
    options.add_argument("--knowledge", metavar="ROOT", help="tells apart what row and item may both quote")
    options.add_argument("--similarity", type=float, default=SIMILARITY, help="Jaccard, from which on a row goes")
    options.add_argument("--out", type=Path, metavar="FILE", help="write the report here, as JSON")
    options.add_argument("--num-workers", type=int, default=2, help="Ray workers; 0 runs here, without Ray")
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The report for a command line. Raises KnowledgeError, OSError."""
    from train.row_files import found, rows

    items = index(options.data, options.sets, options.knowledge, options.similarity)
    if not options.num_workers:
        return check(rows(options.rows, COLUMNS), items).told()
    import ray

    from train.placement import require

    files, paths = found(options.rows)
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    require([{"CPU": CPUS_PER_WORKER}] * options.num_workers)
    stored = ray.data.read_parquet(paths, filesystem=files).select_columns(list(COLUMNS))
    return check_on_ray(stored, items, options.num_workers).told()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    try:
        told = run(options)
        if options.out:
            options.out.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    except (KnowledgeError, OSError) as error:
        print(f"decontaminate: {error}", file=sys.stderr)
        return 2
    print(table(told))
    return 1 if told["removed"] else 0


if __name__ == "__main__":
    sys.exit(main())
