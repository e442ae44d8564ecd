"""From the command to the report: puts the parts of a campaign together and runs it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from audit.client import AuditClient
from train.attack import findings, folders, from_log, reporting, seeds, techniques
from train.attack.attempt import Tried
from train.attack.campaign import Campaign, Shards
from train.attack.environment import NAMES, Environment
from train.attack.journal import Header, Journal
from train.attack.planner import Planner
from train.attack.profiles import Profile
from train.attack.report import Report
from train.attack.shard import Where
from train.attack.target import Target

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What the command asks for. `root`: the logs, where they can be read; workers 0: without Ray, in this process."""

    url: str
    key: str = field(repr=False)
    profile: Profile
    out: Path
    root: str | None
    workers: int
    attackers: Path
    command: str


def run(job: Job, say: Say) -> Report:
    """Run a campaign, or finish the one that was cut off, and write its report. TrainError, AuditError, OSError."""
    for name in NAMES:
        Environment.find(name, job.attackers)
    target = Target(job.url, job.key)
    target.prepare()
    pool, chains = seeds.pool(job.profile.side), techniques.chains(job.profile.side)
    name = folders.current(job.out, job.profile)
    header = Header(name, job.profile.name, job.profile.side, seeds.name_of(pool), techniques.digest())
    folder = (job.out / name).absolute()
    say(f"campaign {name}, at most {job.profile.most} attempts; all of it in {folder}")
    where = Where(name, job.url, job.key, target.model, job.attackers.absolute(), folder, chains)
    with Journal(folder, header) as journal:
        tried = _attack(
            job, where, journal, Planner(name, list(chains), pool, evenly=job.profile.side == "held_out"), say
        )
        counted = [journal.evaluated[probe.name] for probe in job.profile.probes]
    return reporting.make(reporting.Done(header, job.profile, folder, tried, counted, job.root, job.command))


def _attack(job: Job, where: Where, journal: Journal, planner: Planner, say: Say) -> Sequence[Tried]:
    client = AuditClient(job.url, job.key)
    with closing(_shards(where, job.workers)) as shards:
        return Campaign(
            job.profile, journal, planner, shards,
            record=lambda tried: findings.record(client, where.campaign, tried),
            before=lambda: from_log.answers(job.root, where.campaign) if job.root else {},
            say=say,
        ).run()  # fmt: skip


def _shards(where: Where, workers: int) -> Shards:
    if workers:
        from train.attack.on_ray import RayShards

        return RayShards(where, workers)
    from train.attack.alone import Alone

    return Alone(where)
