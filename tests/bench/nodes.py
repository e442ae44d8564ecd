"""Answers per second of the graph on three nodes of one machine: two Guards and two Models on two of them.

    python -m tests.bench.nodes [--json] [--streams 8] [--tokens 24] [--seconds 20]

The nodes share this machine's cores, so this says what nodes cost, not what they give: hold it against
`python -m tests.bench.autoscaling --replicas`, the same Models on one node.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.load_figures import percentile
from tests.serve.clients import Clients, Kept
from tests.serve.conftest import Running
from tests.serve.three_nodes import places, standing


def measure(running: Running, streams: int, tokens: int, seconds: float) -> dict[str, Any]:
    """What ends well within the second of two stretches of so many seconds."""
    with Clients(running, streams, (tokens,)) as asking:
        time.sleep(seconds)
        began = time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - began
    ended = [one for one in asking.kept if is_whole(one) and began <= one.ended_at < began + took_s]
    return {
        "streams": streams,
        "answers_per_s": len(ended) / took_s,
        "took_p50_s": percentile([one.ended_at - one.asked_at for one in ended], 50),
        "failed": sum(not is_whole(one) for one in asking.kept),
        "load_average": os.getloadavg()[0],
    }


def is_whole(one: Kept) -> bool:
    """Whether an answer came to its end, receipt and all."""
    return one.status == 200 and bool(one.receipts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line, and with --json one object last."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nodes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="nodes-") as folder,
        contextlib.redirect_stdout(sys.stderr),
        standing(Path(folder)) as (_, running),
    ):
        found = {"places": places(running)} | measure(running, given.streams, given.tokens, given.seconds)
    where = ", ".join(f"{name} on {'+'.join(nodes)}" for name, nodes in found["places"].items() if nodes)
    print(
        f"{found['answers_per_s']:.2f} answers a second, p50 {found['took_p50_s'] or 0:.1f} s, {found['failed']} failed"
    )
    print(where)
    if given.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
