"""A whole campaign against the product's HTTP surface and a real log: killed, repeated, recomputed, lied about."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from app import control
from app.auth import Role
from audit.client import AuditClient
from audit.errors import RemoteError
from audit.query import query
from audit.record import Entry, Kind
from guards.scores import Scores
from tests.unit.app.conftest import World
from tests.unit.train.attackers_stand_in import put_in_place
from tests.unit.train.test_lineage import served
from train import redteam
from train.attack import findings, from_log, seeds
from train.attack.errors import AttackerMissing, AttackError
from train.attack.figures import Observed, figures
from train.attack.journal import NAME
from train.attack.profiles import Profile
from train.attack.report import Report
from train.attack.running import Job, run
from train.attack.shard import asked_as
from train.attack.techniques import Probe

SMALL = Profile("quick", "train", 60, (Probe("dan.First", "override"), Probe("dan.Second", "harmful")), 3)
ANSWERED = """
select fields->>'$.client_request_id' as name, count(*) as n from records join exchanges using (request_id)
where kind = 'request' and finish_reason <> 'interrupted' group by name
"""
RESUMED = """
import sys
from pathlib import Path
from tests.unit.train.test_redteam_campaign import SMALL
from train.attack.running import Job, run
url, key, out, root, attackers = sys.argv[1:]
run(Job(url, key, SMALL, Path(out), root, 0, Path(attackers), "test"), print)
"""


@dataclass
class Site:
    """A tutor on a port, attackers in place, a folder for campaigns."""

    world: World
    url: str
    out: Path
    attackers: Path

    @property
    def job(self) -> Job:
        key = self.world.key("mallory", Role.REDTEAM)
        return Job(self.url, key, SMALL, self.out, str(self.world.root), 0, self.attackers, "test")

    def attack(self, **changed: Any) -> Report:
        return run(replace(self.job, **changed), lambda _: None)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = query(self.world.root, sql).to_pylist()
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(control, "STALE_AFTER_S", 1e9)  # nothing follows the control log here
    with served(tmp_path / "server") as (world, url):
        for word in ("ignore", "hack", "malware", "steal", "YW", "aW"):
            world.scorer.marked[word] = Scores(0.0, 0.0, 0.0, 1.0, 0.0)
        yield Site(world, url, tmp_path / "out", put_in_place(tmp_path / "attackers"))


def test_a_campaign_is_in_the_log_and_the_log_alone_gives_its_figures(site: Site, capsys) -> None:
    report = site.attack()
    assert report.recomputed is True
    assert report.figures.attempts == 60 + 2 * 3
    assert 0 < report.figures.guard_bypass.hits < report.figures.guard_bypass.n
    assert redteam.main(["--recompute", str(site.world.root), report.campaign]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(report.figures.model_dump_json())
    found = site.rows("select * from findings")
    assert {row["actor"] for row in found} == {"redteam"}
    assert {row["expected"] for row in found if row["outcome"] == "bypass"} == {"REFUSE"}
    asked = site.rows("select fields->>'$.client_request_id' as name from records where kind = 'request'")
    judged = {f"{report.campaign}/{row['request_id']}" for row in found if row["outcome"] != "error"}
    assert {row["name"] for row in asked} == judged
    assert len(judged) == report.figures.attempts - report.figures.errors


def test_files_of_a_campaign(site: Site) -> None:
    report = site.attack()
    folder = site.out / report.campaign
    table = pq.read_table(folder / "attempts.parquet").to_pylist()
    assert len(table) == report.figures.attempts
    assert {row["guard_digest"] for row in table if row["request_id"]} == {"b" * 64}
    assert {row["side"] for row in table if row["tool"] == "pyrit"} == {"train"}
    assert {row["side"] for row in table if row["tool"] == "garak"} == {None}
    # three different prompts and one of them again; each holds a word that the guard stops, all others got no answer
    assert [(each.prompts, each.hits) for each in report.garak] == [(4, 0), (4, 0)]
    assert "Attack success by technique" in (folder / "report.html").read_text()
    assert Report.read(folder) == report
    again = site.attack()
    assert again.campaign != report.campaign
    assert again.before is not None
    assert again.before.figures == report.figures


def test_a_kill_half_way_loses_nothing_and_repeats_nothing(site: Site) -> None:
    site.world.model.pause_s = 0.005
    job = site.job
    arguments = [job.url, job.key, str(job.out), str(job.root), str(job.attackers)]
    process = subprocess.Popen([sys.executable, "-c", RESUMED, *arguments], stdout=subprocess.DEVNULL, env=os.environ)
    try:
        until(lambda: sum(b'"tried"' in line for line in journal(site)) > 20, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = [line for line in journal(site) if b'"tried"' in line]
    report = site.attack()
    assert [line for line in journal(site) if b'"tried"' in line][: len(before)] == before
    assert report.recomputed is True
    assert report.figures.attempts == SMALL.most
    counts = site.rows(ANSWERED)
    assert {row["n"] for row in counts} == {1}
    assert len(counts) == SMALL.most - report.figures.errors


def test_an_answer_that_only_the_log_knows_is_not_asked_again(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(findings, "WAIT_S", 0.0)
    with pytest.raises(RemoteError, match="kind_not_allowed"):  # no finding is taken, so the run stops early
        site.attack(key=site.world.key("mallory"))
    (folder,) = site.out.iterdir()
    lines = journal(site)
    (folder / NAME).write_bytes(b"".join(line for line in lines if b'"tried"' not in line))
    report = site.attack()
    asked = Counter(row["name"] for row in site.rows(
        "select fields->>'$.client_request_id' as name from records where kind = 'request'"))  # fmt: skip
    assert set(asked.values()) == {1}
    assert report.recomputed is True


def test_a_probe_that_garak_finished_and_we_had_not_kept_is_kept(site: Site) -> None:
    first = site.attack()
    folder = site.out / first.campaign
    (folder / "report.json").unlink()
    (folder / NAME).write_bytes(b"".join(line for line in journal(site) if b"dan.Second" not in line))
    assert site.attack() == first
    assert {row["n"] for row in site.rows(ANSWERED)} == {1}


def test_a_finding_that_claims_too_much_is_found_out(site: Site, capsys) -> None:
    fields = {"campaign": "quick-x", "attack": "pyrit:plain", "outcome": "held", "about": str(uuid4()),
              "category": "harmful", "expected": "REFUSE", "seed": "a" * 64, "source": "tool"}  # fmt: skip
    client = AuditClient(site.url, site.world.key("mallory", Role.REDTEAM))
    client.append([Entry(Kind.finding, str(uuid4()), 0, "", "", fields, actor="redteam")])
    assert redteam.main(["--recompute", str(site.world.root), "quick-x"]) == 1
    assert "claim what their exchanges do not show" in capsys.readouterr().err
    with pytest.raises(AttackError, match="found none"):
        from_log.findings(site.world.root, "quick-y")
    with pytest.raises(AttackError, match="name of a campaign"):
        from_log.findings(site.world.root, "x' or '1'='1")


def test_a_held_out_campaign_leaves_texts_for_a_challenger(site: Site) -> None:
    report = site.attack(profile=Profile("quick", "held_out", 30, (), 0))
    folder = site.out / report.campaign
    assert report.side == "held_out"
    rows = [json.loads(line) for line in (folder / "disguised.jsonl").read_text().splitlines()]
    assert {row["label"] for row in rows} <= set(seeds.EXPECTED)
    assert {seeds.split(row["seed"]) for row in site.rows("select seed from findings")} == {"held_out"}
    failed = [row for row in pq.read_table(folder / "attempts.parquet").to_pylist() if row["code"]]
    assert {row["code"] for row in failed} == {"conversion failed"}  # of the one technique that breaks here
    assert len(rows) == 30 - len(failed) > 0


def test_missing_attackers_and_unset_variables_are_told(site: Site, tmp_path: Path, capsys, monkeypatch) -> None:
    with pytest.raises(AttackerMissing, match="make attackers"):
        site.attack(attackers=tmp_path / "nowhere")
    (site.attackers / "garak" / "installed.txt").write_text("0" * 64)
    with pytest.raises(AttackerMissing, match="found 000000000000"):
        site.attack()
    for name in ("PRECEPTOR_URL", "PRECEPTOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        redteam.main(["--profile", "quick"])
    assert "PRECEPTOR_URL" in capsys.readouterr().err


def test_the_key_is_in_no_file(site: Site) -> None:
    job = site.job
    run(job, lambda _: None)
    assert [path for path in site.out.rglob("*") if path.is_file() and job.key.encode() in path.read_bytes()] == []
    assert "--key" not in redteam._shown(["--key", "k", "--profile", "quick", "--key=k"])
    assert job.key not in repr(job)


def test_names_join_the_log() -> None:
    seed = seeds.pool("train")[0]
    from train.attack.attempt import Answer, Attempt, Tried

    attempt = Attempt.on("quick-1", "pyrit:plain", seed)
    assert asked_as("quick-1", attempt) == f"quick-1/{attempt.id}"
    assert figures([Observed.of(Tried(attempt, "", Answer("answered")))]).attempts == 1


def journal(site: Site) -> list[bytes]:
    """The whole lines of the one journal there is."""
    found = list(site.out.glob(f"*/{NAME}"))
    return [line for line in found[0].read_bytes().splitlines(keepends=True) if line.endswith(b"\n")] if found else []


def until(ready: Any, process: "subprocess.Popen[bytes]", timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not ready():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
