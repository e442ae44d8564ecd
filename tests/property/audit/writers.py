"""A state machine: several writers of one log, upkeep, operators and fate, over an ambiguous store.

What it holds: every receipt ever released is for a record that stays, in one place, in the one tree that the log has at
each size, whatever was merged, erased, pruned, rotated or lost in between; and the root verifies at any time.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from audit import erasure, init, keys, log, store, upkeep
from audit.errors import AuditError, BadSegment, IdempotencyConflict, NotLast
from audit.keyring import KeyRing, read_ring
from audit.log import Log, Receipt
from audit.prune import prune
from audit.record import Entry, Kind
from audit.rotate import rotate
from audit.upkeep import Upkeep, pack_all
from audit.verification import verify_root
from audit.walk import Claims
from tests.property.audit.ambiguous import AmbiguousStore, Disk, Outcome
from tests.property.audit.promises import Promises

ROOT = "s3://ambiguous/audit"
NAME = "exchange-0"
PEOPLE = ("ada", "bob")
CAS = "grant/j1"
STEPS = 40

writers = st.integers(0, 2)
outcomes = st.lists(st.sampled_from(Outcome), max_size=3)
ages = st.lists(st.integers(0, 6), max_size=4)
losses = st.sampled_from([set(), set(range(99)), {0}, {1, 3}])
others = st.none() | st.tuples(st.integers(0, 12), writers, st.booleans())
Other = tuple[int, int, bool] | None


def entry(number: int, person: str) -> Entry:
    fields = {"n": 0, "action": "ALLOW", "category": None, "score_ppm": 0}
    return Entry(Kind.window, f"r{number}", 1, "school", person, fields, "text")


class Writers(RuleBasedStateMachine):
    """Up to three writers of one log, each of which may be a stale one; and what was promised to whom."""

    def __init__(
        self, template: Path, begun: dict[str, bytes], point: Callable[[AmbiguousStore], None], tally: Counter[str]
    ) -> None:
        super().__init__()
        self.tally = tally
        self.home = Path(tempfile.mkdtemp(dir=template.parent))
        shutil.copytree(template, self.home / "keys")
        self.disk = Disk.holding(dict(begun))
        point(AmbiguousStore(self.disk))
        self.logs: list[Log | None] = [None] * 3
        self.offset = self.said = 0
        self.promises = Promises()
        self.entries: list[Entry] = []
        self.erased: set[str] = set()

    @property
    def keys(self) -> keys.Keys:
        return keys.load(self.home / "keys")

    @property
    def ring(self) -> KeyRing:
        """The root's keys, read without a fault."""
        return read_ring(AmbiguousStore(Disk.holding(self.disk.files)).child("audit"))

    @initialize()
    def begin(self) -> None:
        self.append(0, 1, "ada", [], None)

    # what writers do

    @rule(at=writers, count=st.integers(1, 3), person=st.sampled_from(PEOPLE), plan=outcomes, other=others)
    def append(self, at: int, count: int, person: str, plan: list[Outcome], other: Other) -> None:
        with self.faults(plan, other, at):
            self.send(at, self.fresh(count, person))

    @rule(at=writers, back=st.integers(1, 8), plan=outcomes, other=others)
    def retry(self, at: int, back: int, plan: list[Outcome], other: Other) -> None:
        with self.faults(plan, other, at):
            self.send(at, self.entries[-back:])

    @rule(at=writers, other=writers, lost=losses)
    def doubt(self, at: int, other: int, lost: set[int]) -> None:
        """A commit that failed but was stored, acknowledged by another writer, right before the power fails."""
        with self.faults([Outcome.stored]):
            self.send(at, self.fresh(1, "bob"))
        self.send(other, self.entries[-1:])
        self.crash(lost, dropped=True)

    @rule(at=writers, plan=outcomes)
    def decide(self, at: int, plan: list[Outcome]) -> None:
        """A change of state that rests on the last one: of two that rest on the same, one is refused."""
        base = max((idx for _, idx in self.promises.decisions), default=-1)
        wanted = Entry.operational(Kind.revocation, {"jti": "j1"})
        wanted = Entry(wanted.kind, wanted.request_id, 0, "", "", wanted.fields, if_last=(CAS, base))
        with self.faults(plan):
            for receipt in self.send(at, [wanted]):
                self.promises.decisions.append((base, receipt.idx))

    @rule(at=writers, cut=st.integers(0, 4), undeleted=st.none() | st.integers(0, 4), plan=outcomes, other=others)
    def pack(self, at: int, cut: int, undeleted: int | None, plan: list[Outcome], other: Other) -> None:
        """One run, killed after `cut` steps; or all."""
        if (one := self.opened(at)) is None:
            return
        work, before = Upkeep(one), (one.size, one.memory.end.frontier.root())
        with self.faults(plan, other, at):
            run = self.let(lambda: work.plan() or work.stale())
            built = self.let(lambda: work.build(run)) if run and cut else None
            adopted = cut > 1 and built is not None and self.let(lambda: work.adopt(built))
            self.disk.undeleted = undeleted
            if adopted and cut > 2:
                self.let(work.discard)
            if cut == 4:
                self.let(lambda: pack_all(one))
            elif run:
                self.logs[at] = None
        self.promises.claim(*before)

    @rule(at=writers, keep=st.integers(0, 12), undeleted=st.none() | st.integers(0, 3), plan=outcomes, other=others)
    def prune(self, at: int, keep: int, undeleted: int | None, plan: list[Outcome], other: Other) -> None:
        if (one := self.opened(at)) is None:
            return
        newest = [leaf["ts"] for leaf in one.memory.leaves]
        with self.faults(plan, other, at):
            self.disk.undeleted = undeleted
            self.let(lambda: prune(one, newest[max(0, len(newest) - keep - 1)], "retention"))

    # what operators and fate do

    @rule(at=writers, stale=ages, ahead=st.integers(-3600, 3600))
    def reopen(self, at: int, stale: list[int], ahead: int) -> None:
        """It sees old listings, and its clock is wrong by so many seconds."""
        self.logs[at], self.offset = None, ahead * 1_000_000
        self.disk.stale.extend(stale)
        with self.faults([]):
            self.opened(at)

    @rule(lost=losses, dropped=st.booleans())
    def crash(self, lost: set[int], dropped: bool) -> None:
        self.logs = [None] * 3
        self.disk.crash(lost, dropped)
        self.verified(Claims())

    @rule(person=st.sampled_from(PEOPLE), plan=outcomes, other=others)
    def erase(self, person: str, plan: list[Outcome], other: Other) -> None:
        self.erased.add(person)
        with self.faults(plan, other):
            self.let(lambda: erasure.erase(ROOT, self.keys, "school", person))

    @rule(at=writers, what=st.sampled_from(["tick", "settle", "pin"]), plan=outcomes)
    def keep_house(self, at: int, what: str, plan: list[Outcome]) -> None:
        if (one := self.opened(at)) is None:
            return
        with self.faults(plan):
            if what == "tick":
                self.let(lambda: self.ticked(one))
            elif what == "settle":
                self.let(lambda: erasure.settle(one))
            elif control := self.let(lambda: Log.open(f"{ROOT}/control", self.keys)):
                self.let(lambda: control.append([Entry.operational(Kind.head, one.head())]))

    @rule(plan=outcomes, other=others)
    def rotate_keys(self, plan: list[Outcome], other: Other) -> None:
        with self.faults(plan, other):
            self.let(lambda: rotate(ROOT, self.keys))

    # what must hold

    @invariant()
    def nothing_is_promised_twice_for_one_place(self) -> None:
        places = [receipt.idx for receipt in self.promises.receipts.values()]
        assert len(places) == len(set(places))

    def teardown(self) -> None:
        try:
            self.disk.calm()
            self.check_at_the_end()
            self.tally.update(self.disk.tally, lives=1, receipts=len(self.promises.receipts))
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def check_at_the_end(self) -> None:
        self.logs = [None] * 3
        one = Log.open(f"{ROOT}/{NAME}", self.keys)
        assert isinstance(self.send_through(one, [entry(self.said, "ada")])[0], Receipt)
        self.promises.claim(one.size, one.memory.end.frontier.root())
        pack_all(one)
        packed = Log.open(f"{ROOT}/{NAME}", self.keys)
        self.promises.check(packed)
        claims = self.promises.claims(packed.origin)
        self.verified(claims)
        assert bool(claims.unchecked) <= bool(packed.memory.reader.files[0].start)

    # how it is done

    @contextmanager
    def faults(self, plan: list[Outcome], other: Other = None, at: int | None = None) -> Iterator[None]:
        """Creates fare as planned, and at some moment another writer than `at` appends, and perhaps packs."""
        self.disk.plan.extend(plan)
        if other is not None and other[1] != at and self.opened(other[1]) is not None:
            self.disk.interrupt = other[0], partial(self.meanwhile, *other[1:])
        try:
            yield
        finally:
            self.disk.calm()

    def meanwhile(self, at: int, pack: bool) -> None:
        for one in self.fresh(2, "bob"):
            self.send(at, [one])
        if pack and (other := self.opened(at)) is not None:
            self.let(lambda: pack_all(other))

    def fresh(self, count: int, person: str) -> list[Entry]:
        made = [entry(self.said + n, person) for n in range(count)]
        self.said += count
        self.entries += made
        return made

    def opened(self, at: int) -> Log | None:
        if self.logs[at] is None:
            clock = lambda: log.now_us() + self.offset  # noqa: E731
            self.logs[at] = self.let(lambda: Log.open(f"{ROOT}/{NAME}", self.keys, clock=clock))
        return self.logs[at]

    def send(self, at: int, entries: list[Entry]) -> list[Receipt]:
        one = self.opened(at)
        return [] if one is None else self.let(partial(self.send_through, one, entries)) or []

    def send_through(self, one: Log, entries: list[Entry]) -> list[Receipt]:
        results = one.append(entries)
        for result in results:
            if isinstance(result, BadSegment):
                assert result.index < one.memory.reader.files[0].start, "only what is pruned has no receipt"
            elif not isinstance(result, Receipt):
                assert isinstance(result, NotLast | IdempotencyConflict), result
                assert not isinstance(result, IdempotencyConflict) or self.erased, result
        return [self.promises.keep(result, self.ring, one) for result in results if isinstance(result, Receipt)]

    def ticked(self, one: Log) -> None:
        for made in one.tick(log.now_us() + 61_000_000):
            self.promises.keep(made, self.ring, one)

    def let(self, act: Callable[[], Any]) -> Any:
        """What comes of it; None where the log says that it could not."""
        try:
            return act()
        except AuditError:
            return None

    def verified(self, claims: Claims) -> None:
        *_, head = verify_root(ROOT, self.ring, claims)
        assert head.size >= self.promises.least()


@contextmanager
def machines(folder: Path, tally: Counter[str]) -> Iterator[Callable[[], Writers]]:
    """Makes machines over a root that was begun once; small tiers, so that packs come early."""
    disk = Disk()
    stores = [AmbiguousStore(disk)]

    def find(_: type, url: str) -> AmbiguousStore:
        top = stores[-1]
        for name in url.removeprefix("s3://ambiguous/").split("/"):
            top = top.child(name)
        return top

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.ObjectStore, "open", classmethod(find))
        patched.setattr(upkeep, "TIERS", (4, 12, 40))
        patched.setattr(upkeep, "MAX_RUN", 8)
        patched.setattr(upkeep, "RECENT_RECORDS", 6)
        init.begin(ROOT, folder / "keys", "test", 1)
        yield lambda: Writers(folder / "keys", disk.files, stores.append, tally)


def run(lives: int) -> Counter[str]:
    """That many lives of a log; what befell them. Keys lie in memory: their syncs are not what is tested here."""
    tally, memory = Counter[str](), "/dev/shm" if Path("/dev/shm").is_dir() else None
    how = settings(max_examples=lives, stateful_step_count=STEPS, deadline=None, database=None,
                   suppress_health_check=list(HealthCheck))  # fmt: skip
    with tempfile.TemporaryDirectory(dir=memory) as folder, machines(Path(folder), tally) as begun:
        run_state_machine_as_test(begun, settings=how)
    return tally
