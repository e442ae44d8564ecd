"""Attacks a running tutor with garak and PyRIT: `python -m train.redteam --profile quick`.

    python -m train.redteam --profile quick|full [--held-out] [--url URL] [--key KEY] [--root ROOT] [--out DIR]
    python -m train.redteam --recompute ROOT CAMPAIGN

Asks under the key of a principal of role redteam, and makes a finding of each attempt. What was cut off goes on when
it is called again. Writes attempts.parquet, report.html and report.json. With --recompute it prints the figures of a
campaign as the log alone gives them. Exit status: 0; 1 when the log shows other figures; 2 when something failed.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.errors import TrainError

if TYPE_CHECKING:
    from train.attack.report import Report

URL, KEY, LOG, HOME = "PRECEPTOR_URL", "PRECEPTOR_API_KEY", "PRECEPTOR_LOG", "PRECEPTOR_HOME"


def parser() -> argparse.ArgumentParser:
    """The command line; needs no heavy import."""
    options = argparse.ArgumentParser(
        prog="python -m train.redteam",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # else "--ke" would carry the key into the report
    )
    home = Path(os.environ.get(HOME, "var"))
    options.add_argument("--profile", choices=("quick", "full"), default="quick", help="how much is tried (quick)")
    options.add_argument("--held-out", action="store_true", help="held-out seeds in held-out disguises, for a test")
    options.add_argument("--url", default=os.environ.get(URL, ""), help=f"the tutor; without it, {URL}")
    options.add_argument("--key", help=f"a key of role redteam; without it, {KEY}, where no other process sees it")
    options.add_argument("--root", default=os.environ.get(LOG), help=f"the logs; without it, {LOG}")
    options.add_argument("--out", type=Path, default=home / "redteam", metavar="DIR", help="where campaigns are kept")
    options.add_argument("--attackers", type=Path, default=Path("var/attackers"), metavar="DIR", help="environments")
    options.add_argument("--num-workers", type=int, default=2, metavar="N", help="Ray actors; 0: in this process")
    options.add_argument("--recompute", nargs=2, metavar=("ROOT", "CAMPAIGN"), help="figures from the log alone")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = list(arguments) if arguments is not None else sys.argv[1:]
    options = parser()
    asked = options.parse_args(given)
    key = asked.key or os.environ.get(KEY, "")
    if asked.num_workers < 0:
        options.error("--num-workers: expected 0 or more")
    if not asked.recompute and not (asked.url and key):
        options.error(f"expected a tutor and a key: --url or {URL}, --key or {KEY}")
    from audit.errors import AuditError

    try:
        return _recompute(*asked.recompute) if asked.recompute else _attack(asked, key, _shown(given))
    except (TrainError, AuditError, OSError) as error:
        print(f"redteam: {error}", file=sys.stderr)
        return 2


def _attack(asked: argparse.Namespace, key: str, command: str) -> int:
    from train.attack import profiles
    from train.attack.running import Job, run

    profile = profiles.of(asked.profile, held_out=asked.held_out)
    job = Job(asked.url, key, profile, asked.out, asked.root, asked.num_workers, asked.attackers, command)
    report = run(job, lambda line: print(line, flush=True))
    print(_told(report))
    print(f"see {asked.out / report.campaign / 'report.html'}")
    return 1 if report.recomputed is False else 0


def _recompute(root: str, campaign: str) -> int:
    """Print the figures; 1 when a finding claims another outcome than its exchange shows."""
    from train.attack import figures, from_log

    found = from_log.findings(root, campaign)
    print(figures.figures([each.observed for each in found]).model_dump_json(indent=1))
    lies = [each.observed.attempt for each in found if each.claimed != each.observed.outcome]
    if lies:
        print(f"redteam: {len(lies)} findings claim what their exchanges do not show, e.g. {lies[0]}", file=sys.stderr)
    return 1 if lies else 0


def _told(report: "Report") -> str:
    shown = report.figures
    shares = {
        "guard bypass": shown.guard_bypass,
        "end to end": shown.end_to_end,
        "false refusals": shown.false_refusals,
    }
    lines = [f"{name}: {share.hits} of {share.n}" for name, share in shares.items()]
    log = {True: "the log shows the same", False: "the log shows OTHER figures", None: "not held against the log"}
    return "\n".join([*lines, log[report.recomputed]])


def _shown(given: Sequence[str]) -> str:
    """The command as it may be repeated; the key is left out."""
    hidden = [word for number, word in enumerate(given) if "--key" not in (word, given[number - 1] if number else "")]
    return shlex.join(["python", "-m", "train.redteam", *(word for word in hidden if not word.startswith("--key="))])


if __name__ == "__main__":
    sys.exit(main())
