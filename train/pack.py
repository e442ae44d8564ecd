"""Make a knowledge pack: `python -m train.pack [--root URI] [--out DIR] [--vectors]`.

Reads a knowledge base of train.ingest and writes what answers are looked up in: one folder below DIR, named by its
digest, read-only, memory-mapped. With --vectors, a pack that answers by words alone comes first, and a second one with
vectors follows; shares of vectors are kept in DIR/vectors, so a run that was cut off goes on where it was. The same
base gives the same bytes. Prints one JSON object per pack.
Exit status: 0; 2 when it could not run.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.errors import KnowledgeError

OFTEN_S = 10.0


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import, so that --help answers at once."""
    options = argparse.ArgumentParser(prog="python -m train.pack", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_KNOWLEDGE", "var/knowledge")
    options.add_argument("--root", default=default, metavar="URI", help="the knowledge base")
    options.add_argument("--out", type=Path, default=Path("var/packs"), metavar="DIR", help="where packs lie")
    options.add_argument("--vectors", action="store_true", help="then one with vectors: minutes, once for each text")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    try:
        for with_vectors in (False, True)[: 1 + options.vectors]:
            print(json.dumps(make(options.root, options.out, with_vectors=with_vectors)), flush=True)
    except (KnowledgeError, OSError, ValueError) as error:
        print(f"pack: {error}", file=sys.stderr)
        return 2
    return 0


def make(root: str, out: Path, *, with_vectors: bool) -> dict[str, Any]:
    """One pack of the base at `root`, below `out`: its digest, bytes and the seconds it took.

    Raises KnowledgeError, OSError, ValueError.
    """
    from deployments.knowledge.encoder import NAME, Encoder
    from train.packing.building import build

    started = time.monotonic()
    encode = Encoder.load().encode if with_vectors else None
    place = build(root, out, Progress(), encode, NAME)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    told = {"digest": place.name, "vectors": with_vectors, "bytes": size}
    return told | {"seconds": round(time.monotonic() - started, 1)}


class Progress:
    """Says on stderr how far a step is: when it ends, and every OFTEN_S seconds."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` pieces of this step are made."""
        if done == total or time.monotonic() - self._said > OFTEN_S:
            self._said = time.monotonic()
            print(f"pack: {step} {done}/{total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
