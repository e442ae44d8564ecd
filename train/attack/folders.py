"""Campaigns lie side by side, each in a folder that bears its name; the names sort by time."""

import secrets
import time
from pathlib import Path

from train.attack import report
from train.attack.errors import JournalError
from train.attack.profiles import Profile
from train.attack.report import Before, Report


def prefix(profile: Profile) -> str:
    """How names of this profile and side begin."""
    return f"{profile.name}-" if profile.side == "train" else f"{profile.name}-held-out-"


def current(out: Path, profile: Profile) -> str:
    """The campaign that was cut off, else a new one."""
    open_ones = [path.name for path in _all(out, profile) if not (path / report.NAME).exists()]
    new = f"{prefix(profile)}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
    return open_ones[-1] if open_ones else new


def before(out: Path, profile: Profile, campaign: str) -> Before | None:
    """What the last finished campaign before this one showed."""
    for path in reversed(_all(out, profile)):
        if path.name < campaign and (path / report.NAME).exists():
            try:
                found = Report.read(path)
            except JournalError:
                continue
            return Before(campaign=found.campaign, figures=found.figures)
    return None


def _all(out: Path, profile: Profile) -> list[Path]:
    """Folders of this profile and side, by time: after the prefix stands a year."""
    begin = prefix(profile)
    return sorted(path for path in out.glob(f"{begin}*") if path.name[len(begin) : len(begin) + 1].isdigit())
