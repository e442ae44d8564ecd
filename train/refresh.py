"""Renew the knowledge pack: `python -m train.refresh [--out DIR] [--offline] [--all]`.

Fetches the small feeds that answers are looked up in, each on its own; of what cannot be reached, what was fetched
before is taken, else what an installed package has. Then ingests what changed and makes a pack by words, and one with
vectors. Made to run beside a tutor: `ray job submit --working-dir . -- python -m train.refresh`. A run that was cut
off goes on where it was; feeds that did not change cost a question each. One JSON object per step on stdout.
Exit status: 0; 1 when a source was left out because too much of it is malformed; 2 when there is no pack.
"""

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train import pack
from train.errors import KnowledgeError

if TYPE_CHECKING:
    from train.gathering import Feeds
    from train.releases import Fetch
    from train.sources import Source

BEGUN = ".refreshing"  # in the folder of packs while a refresh has begun and not ended
LATER = frozenset({"cve", "arxiv", "llm-papers"})  # with --all: the largest feed, and papers, which few questions need
AT_A_TIME = 8  # sources that are fetched
TOLERATED = 0.02  # share of a source's elements that may be malformed
SHARD = 5000
CPUS_PER_TASK = 0.4
GENTLE = 10  # niceness: people who ask come first


class CannotRefresh(KnowledgeError):
    """Why there is no pack."""


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    home = Path(os.environ.get("PRECEPTOR_HOME", "var"))
    packs = Path(os.environ.get("PRECEPTOR_PACKS", home / "packs"))
    options = argparse.ArgumentParser(prog="python -m train.refresh", description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, default=packs, metavar="DIR", help="where packs lie (%(default)s)")
    options.add_argument("--root", type=Path, default=home / "refreshed", metavar="DIR", help="their base")
    options.add_argument(
        "--cache", type=Path, default=home / "feeds", metavar="DIR", help="where fetched feeds are kept"
    )
    options.add_argument("--offline", action="store_true", help="fetch nothing: what is kept, and packages")
    options.add_argument("--all", action="store_true", help="also the whole CVE List, and papers")
    options.add_argument("--no-vectors", dest="vectors", action="store_false", help="end with the pack by words")
    options.add_argument("--num-workers", type=int, default=0, help="Ray tasks that ingest; 0 ingests here")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    from train import tasks

    try:
        register = tasks.chosen(None, optional=False)
        chosen = {
            name: source
            for name, source in register.items()
            if "retrieval" in source.allowed_use and (options.all or name not in LATER)
        }
        with only_one(options.out):
            return refresh(chosen, options)
    except (KnowledgeError, OSError, ValueError) as error:
        print(f"refresh: {error}", file=sys.stderr)
        return 2


def refresh(chosen: "Mapping[str, Source]", options: argparse.Namespace) -> int:
    """All steps for these sources; the exit status. Raises KnowledgeError, OSError, ValueError."""
    found = dict(gathered(chosen, options.cache, offline=options.offline))
    spoilt = ingested(chosen, found, str(options.root), options.num_workers)
    for with_vectors in (False, True)[: 1 + options.vectors]:
        step("pack", **pack.make(str(options.root), options.out, with_vectors=with_vectors))
    return 1 if spoilt else 0


@contextmanager
def only_one(packs: Path) -> Iterator[None]:
    """Hold the folder of packs; the mark stays where a refresh is cut off. Raises CannotRefresh while another runs."""
    packs.mkdir(parents=True, exist_ok=True)
    with (packs / BEGUN).open("a") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotRefresh(f"{packs}: another refresh is under way") from error
        yield
        (packs / BEGUN).unlink(missing_ok=True)


def gathered(chosen: "Mapping[str, Source]", cache: Path, *, offline: bool) -> "Iterator[tuple[str, Feeds]]":
    """The feed files of each source that has any, and a line about each."""
    from train import gathering

    def gather(name: str) -> "tuple[Feeds, float]":
        began = time.monotonic()
        if offline:
            held = gathering.at_hand(name, chosen[name], cache, "offline")
        else:
            held = gathering.newest(name, chosen[name], cache, _patiently())
        return held, round(time.monotonic() - began, 1)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for name, (held, seconds) in zip(chosen, pool.map(gather, chosen), strict=True):
            told = {"package": held.package, "why": held.said[:200]}
            step("fetch", source=name, origin=held.origin, seconds=seconds, **{k: v for k, v in told.items() if v})
            if held.files:
                yield name, held


def _patiently() -> "Fetch":
    """For a job that others may wait for: a publisher that does not answer is asked again by the next refresh."""
    from train.download import Fetched, Patience, fetch
    from train.releases import Lines

    patience = Patience(tries=2, timeout=15.0, longest_wait=30.0)

    def get(url: str, target: Path, expected: str | None) -> Fetched:
        return fetch(url, target, expected, patience=patience, report=Lines(f"{target.parent.name}/{target.name}"))

    return get


def ingested(chosen: "Mapping[str, Source]", found: "Mapping[str, Feeds]", root: str, workers: int) -> list[str]:
    """Make the knowledge base out of what was found, but sources of which too much is malformed: a line for each.

    Raises CannotRefresh where nothing is left.
    """
    from train import accounts, describe, lineage, tasks

    began = time.monotonic()
    waiting = [task for name, held in found.items() for task in tasks.of(name, chosen[name], held, root, SHARD)]
    made = []
    for account in tasks.run(waiting, workers, CPUS_PER_TASK):
        made.append(account)
        print(f"refresh: ingested {len(made)}/{len(waiting)} {account.file}", file=sys.stderr, flush=True)
    sources = {name: chosen[name] for name in found}
    spoilt = accounts.spoilt(accounts.manifest(made, sources), TOLERATED)
    for line in spoilt:
        print(f"refresh: left out: {line}", file=sys.stderr, flush=True)
    sound = {name: each for name, each in sources.items() if not any(line.startswith(f"{name}: ") for line in spoilt)}
    if not sound:
        raise CannotRefresh(f"expected feeds of {', '.join(chosen)}; found none that can be read")
    manifest = accounts.manifest([account for account in made if account.source in sound], sound)
    accounts.write(root, manifest)
    lineage.publish(root, describe.knowledge_base(root), None, None)
    records = sum(sum(told["kinds"].values()) for told in manifest["sources"].values())
    step("ingest", digest=manifest["digest"], records=records, seconds=round(time.monotonic() - began, 1))
    return spoilt


def step(name: str, **told: Any) -> None:
    """Say on stdout that a step has ended."""
    print(json.dumps({"step": name, **told}), flush=True)


if __name__ == "__main__":
    os.nice(GENTLE)
    sys.exit(main())
