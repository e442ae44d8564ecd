"""Packing loses nothing, mixes nothing, and steps cover every block once whatever the number of workers."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from train.lora.packing import IGNORED, Block, Example, pack
from train.lora.plan import Plan
from train.lora.schedule import EMPTY, Schedule

LENGTH = 32
examples = st.lists(
    st.integers(2, LENGTH).map(lambda size: Example(tuple(range(1, size + 1)), (IGNORED,) + (7,) * (size - 1))),
    max_size=60,
)


@given(examples, st.integers(0, 9))
def test_every_example_is_in_one_block_whole_and_begins_at_position_0(given_examples, seed) -> None:
    blocks = pack(given_examples, LENGTH, seed)
    found: Counter[int] = Counter()
    for block in blocks:
        assert len(block.ids) == len(block.positions) == len(block.labels) <= LENGTH
        starts = [at for at, place in enumerate(block.positions) if place == 0]
        for start, end in zip(starts, [*starts[1:], len(block.ids)], strict=True):
            assert block.ids[start:end] == tuple(range(1, end - start + 1))
            assert block.positions[start:end] == tuple(range(end - start))
            assert block.labels[start] == IGNORED
            found[end - start] += 1
    assert found == Counter(len(example.ids) for example in given_examples)
    assert blocks == pack(given_examples, LENGTH, seed)


@given(examples)
def test_no_two_blocks_would_fit_into_one_more_than_best_fit_allows(given_examples) -> None:
    sizes = sorted(len(block.ids) for block in pack(given_examples, LENGTH, 0))
    assert all(small + large > LENGTH for small, large in pairwise(sizes))


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_the_workers_of_a_step_do_together_what_one_would_do_alone(count, batch, micro, workers, epochs) -> None:
    blocks = [Block((number,), (0,), (number,)) for number in range(1, count + 1)]
    schedule = Schedule(blocks, Plan(batch=batch, micro=micro, epochs=epochs))
    seen: Counter[int] = Counter()
    for step in range(schedule.steps):
        shares = [schedule.share(step, rank, workers) for rank in range(workers)]
        assert len({len(share.passes) for share in shares}) == 1  # nobody waits for a pass that does not come
        together = [block for share in shares for group in share.passes for block in group if block is not EMPTY]
        alone = [block for group in schedule.share(step, 0, 1).passes for block in group]
        assert Counter(block.ids for block in together) == Counter(block.ids for block in alone)
        assert {share.answers for share in shares} == {sum(block.answers for block in alone)}
        seen.update(block.ids[0] for block in alone)
    assert set(seen.values()) == {epochs}
    assert len(seen) == count


@given(st.integers(2, 200), st.floats(0, 0.5))
def test_the_rate_rises_to_its_peak_and_falls_to_a_tenth(count, warmup) -> None:
    plan = Plan(batch=1, warmup=warmup, rate=1e-3)
    schedule = Schedule([EMPTY] * count, plan)
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) <= plan.rate * 1.0000001
    assert min(rates[peak:]) >= plan.rate / 10
