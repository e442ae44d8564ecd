"""Verify large logs on a whole cluster: the arguments and the report of `audit.verify`, the files spread by Ray Data.

    ray job submit --working-dir . -- python -m deployments.verification s3://bucket/audit --key log.vkey

Every node must be able to read ROOT. Exit 0 valid, 1 invalid, 2 unreadable or empty.
"""

import sys
from collections.abc import Callable, Iterable, Sequence

import ray
import ray.data

from audit import pipe, verify
from audit.verification import Task
from audit.walk import Result

MAX_BLOCKS = 200  # of tasks; many small files share one
CPUS = 0.5  # of a task: beside a graph that has grown, a small machine has no whole one left


def over_ray(check: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterable[Result]:
    """`map(check, tasks)` in the same order, on whatever the cluster has."""
    items = [{"task": task} for task in tasks]
    if not items:
        return
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = sys.stderr.isatty()
    rows = ray.data.from_items(items, override_num_blocks=min(len(items), MAX_BLOCKS)).map(
        lambda row: {"result": check(row["task"])}, num_cpus=CPUS
    )
    for row in rows.iter_rows():
        yield row["result"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 valid, 1 invalid, 2 unreadable or empty."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not {"-h", "--help"} & set(given):
        ray.init(log_to_driver=False, logging_level="ERROR")
    return verify.main(given, over_ray)


if __name__ == "__main__":
    sys.exit(pipe.run(main))
