"""Rolls a challenger of the guard out, step by step, and takes it back; every step is a record that the graph follows.

    python -m train.rollout shadow --guard DIR --log [URL]
    python -m train.rollout canary --guard DIR --challenge FILE --share 0.05 --log [URL]
    python -m train.rollout live   --guard DIR --challenge FILE --log [URL]
    python -m train.rollout back [--to DIGEST] --log [URL]

In shadow it is asked beside the guard and never heeded, so it needs no gate. Else it needs what `train.challenge` wrote
about it and the guard in force, and the rules are held against those figures anew. Exit status: 0; 1 when it was
refused, which is a record too, or the log did not take a record; 2 when something could not be read or written.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.errors import TrainError
from train.lineage import NotRecorded, add_options, log_client

if TYPE_CHECKING:
    from train.promotion.recording import ControlLog

HOME, LOG_URL = "PRECEPTOR_HOME", "PRECEPTOR_LOG_URL"
STAGES = ("shadow", "canary", "live")


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import."""
    options = argparse.ArgumentParser(
        prog="python -m train.rollout", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("stage", choices=(*STAGES, "back"))
    options.add_argument("--guard", type=Path, metavar="DIR", help="what train.fit_guard made")
    options.add_argument("--challenge", type=Path, metavar="FILE", help="what train.challenge found of it")
    options.add_argument("--share", type=float, default=0.05, help="share of people that a canary judges, 0 to 1")
    options.add_argument("--to", metavar="DIGEST", help="with back: of the guard to go back to; default: as shipped")
    options.add_argument("--models", type=Path, metavar="DIR", help=f"cache of models; without it, {HOME}/models")
    options.add_argument("--root", metavar="ROOT", help=f"the logs; without it, {LOG_URL} or {HOME}/audit")
    add_options(options)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser()
    given = options.parse_args(arguments)
    needs = {"shadow": ("guard",), "back": ()}.get(given.stage, ("guard", "challenge"))
    if missing := [f"--{name}" for name in needs if getattr(given, name) is None]:
        options.error(f"expected {', '.join(missing)}")
    if not 0 < given.share <= 1:
        options.error(f"--share: expected more than 0 and at most 1, got {given.share:g}")
    from audit.errors import AuditError
    from guards.errors import WeightsError
    from train.promotion.errors import Declined

    try:
        print(_run(given))
    except (TrainError, AuditError, WeightsError, OSError, ValueError) as error:
        print(f"rollout: {error}", file=sys.stderr)
        return 1 if isinstance(error, Declined | NotRecorded) else 2
    return 0


def _run(given: argparse.Namespace) -> str:
    from train.challenger import rolling
    from train.challenger.report import Challenge

    log, home = _log(given), Path(os.environ.get(HOME, "var"))
    if given.stage == "back":
        return rolling.back(log, given.to)
    found = Challenge.read(given.challenge) if given.challenge else None
    share = given.share if given.stage == "canary" else None
    return rolling.roll(given.guard, given.models or home / "models", log, rolling.Step(given.stage, share, found))


def _log(given: argparse.Namespace) -> "ControlLog":
    """The log that the options or the environment name; raises NotRecorded."""
    from audit.store import to_address
    from train.promotion.recording import ControlLog

    root = given.root or os.environ.get(LOG_URL) or str(Path(os.environ.get(HOME, "var")) / "audit")
    return ControlLog(log_client(given.log or "", given.token_file), to_address(root))


if __name__ == "__main__":
    sys.exit(main())
