"""What is merged when, for any pattern of arrival: a log as its files only, without their records."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from audit import upkeep
from audit.folder import File
from audit.upkeep import MAX_RUN, TIERS, plan_run


class Files:
    """A log as its files only; commits come, and what the plan says is merged."""

    def __init__(self) -> None:
        self.files, self.size = [File(0)], 1

    def commit(self, records: int) -> None:
        self.files.append(File(self.size))
        self.size += records

    def merge(self) -> bool:
        run = plan_run(self.files, self.size)
        if not run:
            return False
        at = self.files.index(run[0])
        assert self.files[at : at + len(run)] == run, "contiguous"
        assert 2 <= len(run) <= MAX_RUN
        assert at + len(run) < len(self.files), "never the last file"
        end = self.files[at + len(run)].start
        assert run[0].is_pack is False or end <= self.size - upkeep.RECENT_RECORDS, "newest records stay in small files"
        self.files[at : at + len(run)] = [File(run[0].start, end)]
        return True

    @property
    def loose(self) -> int:
        return sum(not file.is_pack for file in self.files)


bursts = st.integers(1, 100)
sizes = st.one_of(st.just(1), st.integers(1, 40), st.integers(1, 3000))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(bursts, sizes | st.integers(1, 50_000)), max_size=30))
def test_a_plan_is_a_run_of_neighbours_that_ends_and_bounds_the_loose_files(arrivals):
    """One merge per burst of up to 100 commits: whatever their sizes, loose files stay under 1,000."""
    log = Files()
    for commits, records in arrivals:
        for _ in range(commits):
            log.commit(records)
        log.merge()
        assert log.loose <= 1000
    merges = 0
    while log.merge():
        merges += 1
        assert merges < 2 * len(arrivals) * 100 + 2
    assert log.loose <= MAX_RUN + 1
    ends = [file.start for file in log.files[1:]]
    assert all(file.end in (None, end) for file, end in zip(log.files, ends, strict=False))
    old = [file for file, end in zip(log.files, ends, strict=False) if end <= log.size - upkeep.RECENT_RECORDS]
    assert len(old) <= 3 * MAX_RUN + log.size / TIERS[2]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(bursts, sizes), max_size=15))
def test_what_a_start_must_read_is_little(arrivals):
    """The file that holds the oldest remembered record is small, however large the bursts were."""
    log = Files()
    for commits, records in arrivals:
        for _ in range(commits):
            log.commit(records)
        while log.merge():
            pass
        first = next(
            file for file, end in zip(log.files, [*(f.start for f in log.files[1:]), log.size], strict=True)
            if end > log.size - upkeep.RECENT_RECORDS
        )  # fmt: skip
        assert log.size - first.start <= 2 * upkeep.RECENT_RECORDS + 3000


def test_starts_grow_with_the_files():
    log = Files()
    for _ in range(2500):
        log.commit(1)
        log.merge()
    assert all(one < two for one, two in pairwise(log.files))
    assert log.loose <= MAX_RUN + 1
