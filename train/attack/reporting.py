"""What stays of a finished campaign: table, page and report.json, its figures held against those of the log."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from train.attack import folders, from_log, page, table
from train.attack.attempt import Evaluated, Tried
from train.attack.environment import LOCKS, NAMES
from train.attack.figures import Observed, figures
from train.attack.journal import Header
from train.attack.profiles import Profile
from train.attack.report import Evaluation, Report


@dataclass(frozen=True, slots=True)
class Done:
    """A campaign whose attempts are all made. `root`: the logs, where they can be read."""

    header: Header
    profile: Profile
    folder: Path
    tried: Sequence[Tried]
    counted: Sequence[Evaluated]
    root: str | None
    command: str


def make(done: Done) -> Report:
    """Write everything, report.json last: with it the campaign counts as finished. Raises AuditError, OSError."""
    found = from_log.findings(done.root, done.header.campaign) if done.root else []
    guards = {each.observed.attempt: each.guard_digest for each in found}
    told = [each.judged_by(guards.get(each.attempt.id) or each.answer.guard_digest) for each in done.tried]
    report = _report(done, told, _agrees(done, found))
    table.write(done.folder, done.header.campaign, told)
    if done.profile.side == "held_out":
        table.write_disguised(done.folder, told)
    (done.folder / "report.html").write_text(page.render(report, told), encoding="utf-8")
    report.write(done.folder)
    return report


def _agrees(done: Done, found: Sequence[from_log.Found]) -> bool | None:
    """Whether the log shows the same attempts with the same ends, no others, and no finding that claims another."""
    if done.root is None:
        return None
    same = {each.observed for each in found} == {Observed.of(each) for each in done.tried}
    asked = from_log.answers(done.root, done.header.campaign).keys()
    honest = all(each.claimed == each.observed.outcome for each in found)
    return same and honest and asked <= {each.observed.attempt for each in found}


def _report(done: Done, told: Sequence[Tried], recomputed: bool | None) -> Report:
    header = done.header
    return Report(
        campaign=header.campaign, profile=header.profile, side=header.side, seeds=header.seeds,
        techniques=header.techniques,
        locks={name: hashlib.sha256((LOCKS / f"{name}.txt").read_bytes()).hexdigest() for name in NAMES},
        models=_distinct(told, "model_digest"), guards=_distinct(told, "guard_digest"),
        policies=_distinct(told, "policy_digest"), figures=figures([Observed.of(each) for each in told]),
        before=folders.before(done.folder.parent, done.profile, header.campaign),
        garak=[Evaluation(**asdict(each)) for each in done.counted],
        recomputed=recomputed, command=done.command,
    )  # fmt: skip


def _distinct(tried: Sequence[Tried], name: str) -> list[str]:
    return sorted({digest for each in tried if (digest := getattr(each.answer, name))})
