"""Build the knowledge base: `python -m train.ingest [--from DIR] [--only NAMES] --out URI`.

Feeds come from DIR, laid out as docs/data-sources.md says, or are fetched from the addresses in train/sources.toml.
Each becomes records, relations and, where an element is malformed, a quarantine entry with the reason; the run goes
on. What was made before is kept, so a run that was cut off resumes. Writes manifest.json, counts.svg, croissant.json
and ml-bom.cdx.json, and prints one line per source; with --log the dataset becomes a record.
Exit status: 0; 1 when more than --tolerate of a source's elements were quarantined; 2 when it could not run.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train import lineage
from train.errors import KnowledgeError

if TYPE_CHECKING:
    from train.parts import Account

CPUS_PER_TASK = 0.4  # fractions, so that a job fits beside the serving graph on two cores


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.ingest", description=__doc__.split("\n")[0])
    options.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="read feeds here, fetch nothing")
    options.add_argument("--out", required=True, metavar="URI", help="the knowledge base: a folder or e.g. s3://…")
    options.add_argument("--only", metavar="NAMES", help="sources of the register, with commas between")
    options.add_argument("--cache", type=Path, default=Path("var/feeds"), help="where fetched feeds are kept")
    options.add_argument("--optional", action="store_true", help="the register's optional sources, too")
    options.add_argument("--num-workers", type=int, default=2, help="Ray tasks at a time; 0 runs here, without Ray")
    options.add_argument("--shard", type=int, default=5000, metavar="N", help="members of a zip for each task")
    options.add_argument("--tolerate", type=float, default=0.02, metavar="SHARE", help="quarantined, of each source")
    lineage.add_options(options)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    from train import accounts, describe, tasks

    try:
        chosen = tasks.chosen(options.only, optional=options.optional or options.folder is not None)
        waiting = tasks.plan(chosen, options.folder, options.cache, options.out, options.shard)
        made = list(_progress(tasks.run(waiting, options.num_workers, CPUS_PER_TASK), len(waiting)))
        manifest = accounts.manifest(made, chosen)
        accounts.write(options.out, manifest)
        lineage.publish(options.out, describe.knowledge_base(options.out), options.log, options.token_file)
    except (KnowledgeError, OSError) as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2
    print(accounts.summary(manifest))
    print(json.dumps({"out": options.out, "digest": manifest["digest"]}))
    spoilt = accounts.spoilt(manifest, options.tolerate)
    for line in spoilt:
        print(f"ingest: {line}", file=sys.stderr)
    return 1 if spoilt else 0


def _progress(made: "Iterator[Account]", total: int) -> "Iterator[Account]":
    from tqdm import tqdm

    often = 0.5 if sys.stderr.isatty() else 15.0
    yield from tqdm(made, total=total, unit="part", mininterval=often, maxinterval=often)


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"ingest: {time.monotonic() - started:.1f} s", file=sys.stderr)
    sys.exit(status)
