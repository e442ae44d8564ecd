"""Whether a log's writer stops growing: far more records than it remembers, packed meanwhile as by the deployed one.

python -m tests.bench.log_memory [--records 130000]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from audit.upkeep import Upkeep, run_once
from tests.bench.log_records import Home
from tests.bench.scale_steps import exchange

EVERY, PACK_EVERY = 5_000, 500  # records


def held(folder: Path, records: int, every: int = EVERY) -> Iterator[tuple[int, int, int]]:
    """After each `every` records: how many there are, MiB of this process (RSS), files of the log."""
    log = Home.begin(folder).open()
    upkeep, shown, packed, number = Upkeep(log), 0, 0, 0
    while log.size < records:
        log.append([*exchange(number, 2), *exchange(number + 1, 2)])
        number += 2
        if log.size // PACK_EVERY > packed:
            packed = log.size // PACK_EVERY
            while (run := upkeep.plan()) and run_once(upkeep, run):
                pass
        if log.size // every > shown:
            shown = log.size // every
            yield log.size, psutil.Process().memory_info().rss >> 20, len(log.memory.reader.files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each `EVERY` records."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log_memory", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--records", type=int, default=130_000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        print("records   MiB (RSS)   files")
        for records, mib, files in held(Path(folder), given.records):
            print(f"{records:7,}{mib:12,}{files:8,}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
