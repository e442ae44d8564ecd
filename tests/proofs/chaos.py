"""`make prove chaos`: 500 faults on a tutor that answers a steady stream; nothing unlogged, unchecked or lost.

Each fault is a step of the journal; a run that was broken off goes on with a fresh tutor, and counts what a check
followed. `tests.proofs.chaos_checker` judges, by commands that a stranger has.
"""

import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.proofs.chaos_checker import GRACE_S, check, is_clean
from tests.proofs.chaos_clients import Clients
from tests.proofs.chaos_disk import Disk
from tests.proofs.chaos_faults import CLOCKS, DISKS, FAULTS, KILLS, LINKS, NODES, STALLS, Ground, NotThere, can_do
from tests.proofs.chaos_figures import checked, faults_of, figures, rates
from tests.proofs.chaos_nodes import Nodes
from tests.redis_server import RedisServer
from tests.serve.conftest import ROOT, Running, free_port, start, stop
from tests.unit.deployments.knowledge_fixture import make_pack

RATE = 1.0  # questions a second
PEOPLE = 4
CHECK_EVERY = 25  # faults
DEADLINE_S = 120.0  # of a question, as shipped: until then it may be open
BACK_WITHIN_S = 120.0
WHOLE_WITHIN_S = 90.0
STRIDE = 7  # through a list of faults, so that neighbours differ
KEPT = ROOT / "var" / "prove"
TWICE = ("Gateway", "Guard", "Model")  # in the setting `two`
STATELESS = (*TWICE, "Knowledge")
ONE = (*KILLS, *STALLS, *LINKS, *DISKS, *CLOCKS)
TWO = tuple(name for name in (*KILLS, *STALLS, *LINKS) if name in LINKS or name.split()[1] in STATELESS)
KINDS = {"two": TWO, "one": ONE, "nodes": tuple(NODES)}  # by setting: what one has
SHARES = {"two": 0.50, "one": 0.45, "nodes": 0.05}  # of all faults, by setting


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


@dataclass(slots=True)
class Run:
    """One tutor and what befell it; `setting` says how many replicas it has."""

    name: str
    setting: str
    running: Running
    ground: Ground
    steps: list[dict[str, Any]] = field(default_factory=list)
    not_run: Sequence[str] = ()

    def hit(self, fault: str) -> dict[str, Any]:
        """Inject, and wait for two good answers to what was due after its end; a step of the journal."""
        begin = time.monotonic()
        try:
            FAULTS[fault](self.ground)
        except NotThere:
            return {"run": self.name, "setting": self.setting, "missed": fault}
        end = time.monotonic()
        until = end + BACK_WITHIN_S
        while len(good := self.ground.clients.good_since(end)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        back_s = round(min(one.ended_at for one in good) - end, 2) if good else None
        self.steps.append({
            "run": self.name, "setting": self.setting, "fault": fault, "begin": round(begin, 3),
            "lasts_s": round(end - begin, 2), "back_s": back_s,
        })  # fmt: skip
        return self.steps[-1]

    def look(self) -> dict[str, Any]:
        """Hold all that clients heard until now against the log; what is wrong is kept for whoever has to find out."""
        heard = list(self.ground.clients.heard)
        found = check(self.running.log, self.running.vkey, self.running.home / "keys", heard)
        if not is_clean(found):
            kept = KEPT / f"chaos-{self.name}"
            shutil.copytree(self.running.log, kept / "audit", dirs_exist_ok=True)
            shutil.copytree(self.running.home / "keys", kept / "keys", dirs_exist_ok=True)
        return {
            "run": self.name, "setting": self.setting, "checked": found, "outcomes": rates(heard, self.steps),
            "not_run": list(self.not_run),
        }  # fmt: skip

    def is_whole(self, fault: str) -> bool:
        """Whether what a fault would hit has all its replicas: where there are two, the other one has to stand."""
        if self.ground.nodes:
            return self.ground.nodes.is_whole(self.running)
        if self.setting == "one" or fault not in KILLS | STALLS:
            return True
        with contextlib.suppress(OSError, LookupError):
            name = fault.split()[1]
            return len(self.running.pids(name)) >= (2 if name in TWICE else 1)
        return False


def chaos(journal: Steps, count: int) -> dict[str, Any]:
    """`count` faults in all, each setting its share; figures of what checks have seen."""
    for setting, share in SHARES.items():
        wanted = round(count * share)
        while (left := wanted - faults_of(checked(journal.steps), setting)) > 0:
            _run(journal, setting, left)
    return figures(journal.steps)


def _run(journal: Steps, setting: str, count: int) -> None:
    """One tutor until it has had so many faults, or does not come back."""
    names = [name for name in KINDS[setting] if not can_do(name)]
    not_run = [f"{name}: {why}" for name in KINDS[setting] if (why := can_do(name))]
    first = sum("checked" not in step for step in journal.steps if step["setting"] == setting)
    with tutor(setting) as run:
        run.not_run = not_run
        for number in range(first, first + count):
            name = names[number * STRIDE % len(names)]
            _until_whole(run, name)
            journal.add(step := run.hit(name))
            if step.get("back_s", 0.0) is None:
                break
            if (number - first) % CHECK_EVERY == CHECK_EVERY - 1:
                journal.add(run.look())
        run.ground.clients.close()
        time.sleep(DEADLINE_S + GRACE_S)
        journal.add(run.look())


def _until_whole(run: Run, fault: str) -> None:
    until = time.monotonic() + WHOLE_WITHIN_S
    while not run.is_whole(fault) and time.monotonic() < until:
        time.sleep(0.5)


@contextlib.contextmanager
def tutor(setting: str) -> Iterator[Run]:
    """A tutor that is asked, on a disk of its own where it may have one."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        disk = stack.enter_context(Disk(folder)) if setting != "nodes" and not can_do("disk full 3 s") else None
        home = (disk.root if disk else folder) / "home"
        shutil.copytree(make_pack(folder / "knowledge").parent, home / "packs")
        nodes = stack.enter_context(Nodes(home, folder / "ray")) if setting == "nodes" else None
        running = nodes.deploy() if nodes else _launch(stack, setting, home)
        keys = [running.mint(f"person-{number}") for number in range(PEOPLE)]
        KEPT.mkdir(parents=True, exist_ok=True)
        name = secrets.token_hex(4)
        clients = Clients(running.url, keys, KEPT / f"chaos-{name}.jsonl", RATE)
        stack.enter_context(clients)
        yield Run(name, setting, running, Ground(home, clients, disk, nodes))


def _launch(stack: contextlib.ExitStack, setting: str, home: Path) -> Running:
    """By the launcher; where there are two of a kind, they share their limits in a real Redis."""
    more: dict[str, str] = {}
    if setting == "two":
        redis = RedisServer(port=free_port())
        stack.callback(redis.close)
        more = {"CHAOS_REPLICAS": "2", "PRECEPTOR_REDIS_URL_FILE": str(redis.url_file())}
    running = start(home, module="tests.proofs.chaos_graph", **more)
    stack.callback(stop, running)
    return running
