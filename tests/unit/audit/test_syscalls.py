"""Every system call of a commit, a packing and an erasure fails once, or is the last that the process makes.

strace records the calls that one process (`one_commit.py`) makes between two marks, then breaks the n-th in a copy of
the same root: EIO at any call, ENOSPC and SIGKILL at those that change the disk (a kill at a call that only reads
leaves the same files as one at the next that changes them). Here runs a sample, in `make prove faults` all.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from audit import init, upkeep, verify
from audit.errors import AuditError
from audit.keys import SubjectKeys
from tests.unit.audit.conftest import World
from tests.unit.audit.one_commit import BEGINS, ENDS, TIERS
from tests.unit.audit.test_lifecycle_erase import by_repeating, cells, check_gone

REPOSITORY = Path(__file__).resolve().parents[3]
MODES = ("commit", "pack", "erase")
FAULTS = ("EIO", "ENOSPC", "SIGKILL")
UNSWEPT = frozenset({"mmap", "lseek", "ioctl"})  # memory, and questions of which Python needs no answer
CHANGING = frozenset({"write", "pwrite64", "fsync", "fdatasync", "link", "linkat", "unlink", "unlinkat", "rename",
                      "renameat", "renameat2", "mkdir", "mkdirat", "ftruncate"})  # fmt: skip
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
ENTRIES = [replace(entry, subject="carl") for entry in World(Path()).exchange("new", "three")]


@dataclass(frozen=True, slots=True)
class Call:
    """The `n`-th call of its name in the life of the process."""

    mode: str
    name: str
    n: int
    changes: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One call and what becomes of it."""

    call: Call
    fault: str

    def __str__(self) -> str:
        return f"{self.call.mode}: {self.call.name} {self.call.n}: {self.fault}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A root to copy, and what an erasure of ada has to make unreadable."""

    world: World
    tag: str
    ciphertexts: set[bytes]
    turn: threading.Lock = field(default_factory=threading.Lock)  # of judging: `World.verify` redirects stdout

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Two exchanges of ada's, one request of bob's."""
        world = World(folder / "prepared")
        init.begin(world.root, world.home / "keys", "test", 1)
        log = world.open()
        (first, *_) = log.append(world.exchange("ada-0", "one"))
        log.append([replace(world.request("bob-0"), subject="bob")])
        log.append(world.exchange("ada-1", "two"))
        return cls(world, first.subject, cells(world, first.subject))

    def copy(self) -> World:
        """Another of the same: its path is as deep, so that the calls are the same."""
        home = Path(tempfile.mkdtemp(prefix="case-", dir=self.world.home.parent))
        return World(Path(shutil.copytree(self.world.home, home, dirs_exist_ok=True)))


def calls(prepared: Prepared, mode: str) -> list[Call]:
    """Those that one undisturbed process makes between the marks."""
    for _ in range(2):  # the first also writes what Python caches
        ran, trace = watch(prepared.copy(), mode, "file,desc")
    assert ran.stdout.endswith("acknowledged\n"), ran
    found, seen, inside = list[Call](), dict[str, int](), False
    process = trace.split(" ", 1)[0]  # strace counts by thread, and the others do nothing to files
    for match in filter(None, map(_CALL.match, trace.splitlines())):
        if match[1] == process:
            name, rest = match[2], match[3]
            seen[name] = seen.get(name, 0) + 1
            inside = (inside or BEGINS in rest) and ENDS not in rest
            if inside and BEGINS not in rest and name not in UNSWEPT:
                changes = name in CHANGING or (name == "openat" and "O_CREAT" in rest)
                found.append(Call(mode, name, seen[name], changes))
    return found


def watch(world: World, mode: str, traced: str, inject: Sequence[str] = ()) -> tuple[Any, str]:
    """The process under strace: how it ran, and what strace wrote."""
    trace, entries = world.home / "trace", json.dumps([entry.to_json() for entry in ENTRIES])
    strace = ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={traced},?readlink,?readlinkat"]
    python = [sys.executable, "-m", "tests.unit.audit.one_commit", mode, world.home, entries]
    quick = () if ":signal=" in "".join(inject) else ("--seccomp-bpf",)  # with which strace 6.1 injects no signals
    command = [*strace, "-e", "signal=none", *quick, *inject, *python]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    return ran, trace.read_text()


def broken(prepared: Prepared, case: Case) -> dict[str, Any]:
    """What one fault did; a process that was not hit between the marks, for its calls came otherwise, runs again."""
    kind = "signal" if case.fault == "SIGKILL" else "error"
    inject = ("-e", f"inject={case.call.name}:{kind}={case.fault}:when={case.call.n}")
    for _ in range(3):
        world = prepared.copy()
        ran, trace = watch(world, case.call.mode, case.call.name, inject)
        before, _, after = trace.partition(BEGINS)
        hit = ran.returncode in {-9, 137} if kind == "signal" else "(INJECTED)" in after.partition(ENDS)[0]
        if hit and "(INJECTED)" not in before and BEGINS in trace:
            break
        shutil.rmtree(world.home)
    else:
        return {"case": str(case), "missed": True}
    with prepared.turn:
        found = {"case": str(case)} | judge(prepared, world, case, ran)
    shutil.rmtree(world.home)
    return found


def judge(prepared: Prepared, world: World, case: Case, ran: Any) -> dict[str, Any]:
    """Hold what the process acknowledged against the root that it left; a key for each thing that is wrong."""
    acknowledged = ran.stdout.endswith("acknowledged\n")
    unsynced = acknowledged and case.call.name in {"fsync", "fdatasync"}
    wrong: dict[str, Any] = {"acknowledged_unsynced": True} if unsynced else {}
    if "Traceback" in ran.stderr:
        wrong["other_error"] = ran.stderr.splitlines()[-1]
    if not (report := verify.verify(world.root)).valid:
        wrong["not_verifying"] = report.first_bad
    checks: dict[str, Callable[[], None]] = {
        "acknowledged_lost": partial(check_kept, world, ran.stdout.splitlines()),
        "next_append_failed": partial(check_goes_on, world),
        "not_finished": partial(check_finished, prepared, world, case.call.mode, acknowledged),
    }
    for name, check in checks.items():
        try:
            check()
        except (AssertionError, AuditError, OSError) as error:
            wrong[name] = repr(error)
    return {"acknowledged": acknowledged} | wrong


def check_kept(world: World, lines: Sequence[str]) -> None:
    """The records that were acknowledged, and all from before, are there."""
    stored = [f"{leaf['request_id']} {leaf['seq']} {leaf['idx']} {leaf['subject']}" for leaf in world.open().tail(0)]
    assert {line for line in lines if line.startswith("new ")} <= set(stored)
    assert [line.split()[0] for line in stored[1:8]] == ["ada-0"] * 3 + ["bob-0"] + ["ada-1"] * 3


def check_goes_on(world: World) -> None:
    """A retry and a new record are taken; the retry is stored once."""
    log = world.open()
    receipts = log.append([*ENTRIES, replace(world.request("next"), subject="dora")])
    assert not [one for one in receipts if isinstance(one, Exception)]
    assert sum(leaf["request_id"] == "new" for leaf in log.tail(0)) == len(ENTRIES)


def check_finished(prepared: Prepared, world: World, mode: str, acknowledged: bool) -> None:
    """What was cut off is completed by repeating it."""
    if mode == "pack":
        assert upkeep.pack_all(world.open()) or world.names("exchange-0/pack")
    if mode == "erase":
        if not acknowledged:
            by_repeating(world)
        check_gone(world, prepared.tag, prepared.ciphertexts)
        assert len(SubjectKeys.load(world.home / "keys").erasures()) == 1
    assert verify.verify(world.root).valid


def all_faults(found: Sequence[Call]) -> list[Case]:
    """EIO at every call, the others where something changes."""
    return [Case(call, fault) for call in found for fault in (FAULTS if call.changes else FAULTS[:1])]


def sample(found: Sequence[Call], every: int) -> list[Case]:
    """Of the calls each `every`-th; the faults take turns where something changes."""
    chosen = found[::every]
    return [Case(call, FAULTS[n % 3] if call.changes else "EIO") for n, call in enumerate(chosen)]


def sweep(prepared: Prepared, cases: Sequence[Case], jobs: int = 2) -> Iterator[dict[str, Any]]:
    """What each fault did, in order."""
    with patch.object(upkeep, "TIERS", TIERS), ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(partial(broken, prepared), cases)


def is_harmless(found: dict[str, Any]) -> bool:
    """Whether nothing is wrong, and the fault took place."""
    return found.keys() == {"case", "acknowledged"}


def test_no_system_call_that_fails_or_is_the_last_costs_a_record_or_the_log(tmp_path):
    """All calls of a commit; of packing and erasing a part of those that change something."""
    prepared = Prepared.make(tmp_path)
    commit, pack, erase = (calls(prepared, mode) for mode in MODES)
    changing = [[call for call in found if call.changes] for found in (pack, erase)]
    cases = sample(commit, 1) + sample(changing[0], 1) + sample(changing[1], 4)
    found = list(sweep(prepared, cases))
    assert [one for one in found if not is_harmless(one)] == []
    assert {case.fault for case in cases} == set(FAULTS)
    assert 60 <= len(found) <= 100
    assert any(one["acknowledged"] for one in found)
    assert sum(not one["acknowledged"] for one in found) > 40
