"""Releases of the running graph, each with a way back, each on record.

    python -m app.release deploy deployments/serve.yaml [--working-dir URI] [--arg NAME=JSON]... [--window SECONDS]
    python -m app.release rollback [--to DIGEST]
    python -m app.release policy THRESHOLDS.yaml
    python -m app.release gate --against SHEET.json

`deploy` asks fixed questions before and after and takes the new configuration back when it is worse (docs/ci.md).
`policy` is the way of an emergency: thresholds live within minutes, nothing restarts. `gate` holds the guard's sheet
against an earlier one. The admin's key is PRECEPTOR_ADMIN_KEY, or minted with the home's token key; the others come
from run.env. Exit status: 0 kept; 1 declined, and what ran before is in force; 2 something cannot be read or reached.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from app.auth import OPERATOR, Role, TokenKey
from app.releasing.asking import Asker, Questions
from app.releasing.config import user_config, wanted
from app.releasing.errors import Declined, ReleaseError
from app.releasing.figures import Bounds
from app.releasing.history import History
from app.releasing.records import Journal
from app.releasing.serve import Serve, ray_token
from app.releasing.sheet import regressions
from app.releasing.signed import has_signoff
from app.releasing.steps import Release
from app.settings import Settings, from_environment
from audit.errors import AuditError
from audit.keyring import parse_ring
from guards.encoder import card_digest
from guards.errors import GuardError
from guards.policy import Policy

ADMIN_TTL_S = 3600
SHEET = Path("guards/weights/sheet.json")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m app.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--url", default=os.environ.get("PRECEPTOR_URL"), help="the tutor (default: PRECEPTOR_URL)")
    dashboard = os.environ.get("RAY_DASHBOARD_ADDRESS") or os.environ.get("PRECEPTOR_DASHBOARD")
    options.add_argument("--dashboard", default=dashboard, help="Ray's dashboard (default: RAY_DASHBOARD_ADDRESS)")
    commands = options.add_subparsers(dest="command", required=True)
    deploy = commands.add_parser("deploy", help="a new configuration, kept if it is no worse")
    deploy.add_argument("config", type=Path)
    deploy.add_argument("--working-dir", metavar="URI", help="the code, where it is not in the image")
    deploy.add_argument("--arg", action="append", default=[], metavar="NAME=JSON", help="an argument of the graph")
    deploy.add_argument("--window", type=float, default=60.0, metavar="SECONDS", help="how long the canary asks")
    deploy.add_argument("--latency", type=float, default=2.0, metavar="FACTOR", help="how much slower it may be")
    commands.add_parser("rollback", help="an earlier configuration").add_argument("--to", metavar="DIGEST")
    commands.add_parser("policy", help="thresholds, live at once").add_argument("thresholds", type=Path)
    gate = commands.add_parser("gate", help="the guard's sheet against an earlier one")
    gate.add_argument("--against", type=Path, required=True, metavar="FILE")
    gate.add_argument("--sheet", type=Path, default=SHEET, metavar="FILE")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser()
    given = options.parse_args(arguments)
    if given.command != "gate" and not (given.url and given.dashboard):
        options.error("expected --url and --dashboard, or a sourced run.env")
    try:
        return _gate(given) if given.command == "gate" else _do(given, release(given.url, given.dashboard))
    except (ReleaseError, GuardError, AuditError, OSError, ValueError, yaml.YAMLError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1 if isinstance(error, Declined) else 2


def release(url: str, dashboard: str) -> Release:
    """Everything a release needs, from the environment; raises OSError, ValueError."""
    settings = from_environment()
    ring = parse_ring(Path(os.environ.get("PRECEPTOR_VKEY") or settings.vkey).read_bytes())
    asker = Asker(url, os.environ.get("PRECEPTOR_API_KEY", ""), ring)
    journal = Journal(url, os.environ.get("PRECEPTOR_ADMIN_KEY") or _admin_key(settings))
    return Release(Serve(dashboard, ray_token()), asker, journal, History(settings.home / "releases"), _say)


def _do(given: argparse.Namespace, made: Release) -> int:
    if given.command == "policy":
        thresholds = user_config(yaml.safe_load(given.thresholds.read_text()))
        _require_signoff(from_environment(), Policy.load().overridden(thresholds).digest)
        seconds = made.policy(thresholds)
        print(f"release: live after {seconds:.1f} s")
    elif given.command == "rollback":
        made.rollback(given.to, Questions.load())
    else:
        file = yaml.safe_load(given.config.read_text())
        new = wanted(file, made.serve.running(), dict(map(_argument, given.arg)), given.working_dir)
        made.deploy(new, Questions.load(), given.window, Bounds(latency=given.latency))
    return 0


def _require_signoff(settings: Settings, policy_digest: str) -> None:
    """Tell of a forgotten signature before anything changes, where the log is at hand; else the Gateway sees it."""
    readable = not isinstance(settings.audit, Path) or settings.audit.is_dir()
    if settings.mode == "production" and readable and not has_signoff(settings.audit, policy_digest):
        raise Declined(f"policy {policy_digest} is not signed; `python -m app.policy sign --thresholds FILE` first")


def _gate(given: argparse.Namespace) -> int:
    before, after = (json.loads(path.read_text()) for path in (given.against, given.sheet))
    reasons = regressions(before, after, card_digest())
    print("\n".join(reasons) or f"no regression in {len(before['targets'])} measures")
    return int(bool(reasons))


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"--arg: expected NAME=JSON, came {text!r}")
    return name, json.loads(value)


def _admin_key(settings: Settings) -> str:
    return TokenKey.load(settings.keys).mint("release", OPERATOR, Role.ADMIN, ADMIN_TTL_S)[0]


def _say(line: str) -> None:
    print(f"release: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
