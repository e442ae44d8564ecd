"""Make the teaching set of a knowledge base: `python -m train.pairs --knowledge ROOT --out URI`.

Question and answer pairs in chat format, computed from templates and the records of `train.ingest`; no model writes
them. Parquet files in a folder for each licence shard, canaries.json, report.json and families.svg, and its lineage in
croissant.json and ml-bom.cdx.json; with --log the dataset becomes a record. The same knowledge,
key, size and replay file give the same bytes. docs/teaching-set.md says what the columns mean.
Exit status: 0, or 2 when it could not run.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train import lineage
from train.errors import KnowledgeError

if TYPE_CHECKING:
    from train.teaching.licences import Terms

_PUBLIC_KEY = b"preceptor teaching set"  # so that anybody can make the same set; its canaries are then no secret


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.pairs", description=__doc__.split("\n")[0])
    options.add_argument("--knowledge", required=True, metavar="ROOT", help="what train.ingest made: a folder or a URI")
    options.add_argument("--out", required=True, metavar="URI", help="an empty place for the set: a folder or a URI")
    options.add_argument("--replay", type=Path, metavar="FILE", help="general conversation, JSON Lines (.gz)")
    options.add_argument("--replay-licence", metavar="SPDX", help="the licence of that file; needed with --replay")
    options.add_argument("--size", type=int, default=40_000, metavar="N", help="at most so many rows")
    told = "a secret key for canaries and placeholders; without it a public one is used"
    options.add_argument("--seed-key", type=Path, metavar="FILE", help=told)
    held = "where evaluation sets lie; rows that hold an item of theirs are left out, and a table says which"
    options.add_argument("--against", type=Path, metavar="DIR", help=held)
    lineage.add_options(options)
    options.add_argument("--num-workers", type=int, default=2, help="Ray workers; 0 runs here, without Ray")
    return options


def terms(replay_licence: str | None) -> "dict[str, Terms]":
    """The sources whose texts may be taught, or may at least give a question its words, with their terms."""
    from train import sources
    from train.teaching.licences import Terms
    from train.teaching.replay import SOURCE

    usable = {"training", "seeds"}
    register = {
        name: Terms(source.licence, source.shard)
        for name, source in sources.load().items()
        if usable & set(source.allowed_use)
    }
    return register | ({SOURCE: Terms(replay_licence, SOURCE)} if replay_licence else {})


def start_ray(workers: int) -> None:
    """Join the cluster that this job was submitted to, else start a local one, and see that the workers fit."""
    import ray

    from train.placement import require
    from train.teaching.sanitizing import CPUS_PER_WORKER

    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    require([{"CPU": CPUS_PER_WORKER}] * workers)
    ray.data.DataContext.get_current().enable_progress_bars = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if options.replay and not options.replay_licence:
        print("pairs: expected --replay-licence with --replay: every row has a licence", file=sys.stderr)
        return 2
    from train import describe
    from train.teaching import report
    from train.teaching.build import Plan, build

    try:
        key = options.seed_key.read_bytes().strip() if options.seed_key else _PUBLIC_KEY
        if not key:
            raise KnowledgeError(f"{options.seed_key}: expected a key, got an empty file")
        plan = Plan(options.knowledge, options.out, terms(options.replay_licence), options.size, key,
                    options.replay, options.num_workers, against=options.against)  # fmt: skip
        if options.num_workers:
            start_ray(options.num_workers)
        told = build(plan)
        further = lineage.replay_source(options.replay, options.replay_licence)
        described = describe.teaching_set(options.out, options.knowledge, further)
        lineage.publish(options.out, described, options.log, options.token_file)
    except (KnowledgeError, OSError) as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 2
    print(report.table(told))
    if options.against:
        from train.decontaminate import table

        print("\n" + table(told["contamination"]))
    return 0


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"pairs: {time.monotonic() - started:.1f} s", file=sys.stderr)
    sys.exit(status)
