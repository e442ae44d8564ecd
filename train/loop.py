"""One turn of the loop at small size: `python -m train.loop`, or `make loop`.

Starts a tutor of its own under --home, attacks it, has scripts review what was found, retrains the guard on that, holds
the challenger against the champion, promotes or refuses it, and attacks again. Run again, it goes on where it stopped.
Exit status: 0 when the turn is done, whichever way it ended; 2 when a step failed.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from train.errors import TrainError


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import."""
    options = argparse.ArgumentParser(prog="python -m train.loop", description=__doc__.split("\n")[0])
    default = os.environ.get("PRECEPTOR_DATA", "../shared/data")
    options.add_argument("--data", type=Path, default=Path(default), help="folder with prompts/ and knowledge/")
    options.add_argument("--home", type=Path, default=Path("var/loop"), help="where the tutor and all results are kept")
    options.add_argument("--port", type=int, default=8017, help="of the tutor")
    options.add_argument(
        "--attackers", type=Path, default=Path("var/attackers"), metavar="DIR", help="of `make attackers`"
    )
    options.add_argument("--rows", type=int, default=17700, help="rows of the guard's own data to retrain with")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    if not (options.data / "prompts").is_dir():
        print(f"loop: expected prompts/ and knowledge/ in {options.data}, see PRECEPTOR_DATA", file=sys.stderr)
        return 2
    from train.circle import telling, turning, tutor

    home = options.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    try:
        with tutor.running(home / "tutor", options.port) as started:
            keys = turning.Keys.mint(started)
            data, attackers = options.data.absolute(), options.attackers.absolute()
            turning.Turn(started, keys, home, data, attackers, options.rows).run(lambda line: print(line, flush=True))
        page = telling.tell(home)
    except (TrainError, OSError) as error:
        print(f"loop: {error}", file=sys.stderr)
        return 2
    (home / "circle.md").write_text(page, encoding="utf-8")
    print(page, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
