"""Continuous batching: who is fed what, and that nobody's answer depends on anybody else."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from deployments.engine import lora
from deployments.engine.batch import CHUNK, Answer, Batch
from deployments.engine.decoder import Decoder
from deployments.engine.fused_lora import Fitter
from deployments.engine.sampler import Sampler
from deployments.generation import Sampling
from tests.unit.deployments.tiny_adapter import write_adapter
from tests.unit.train.tiny_model import write_model

PREAMBLE = list(range(2, 90))
PLAIN = Sampling(8, temperature=1.0)


class Watched(Decoder):
    """Notes how many tokens each span of each pass had."""

    passes: list[list[int]]

    def logits(self, spans, deltas=None):
        self.passes.append([len(span.tokens) for span in spans])
        return super().logits(spans, deltas)


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Watched, object]:
    home = tmp_path_factory.mktemp("batch")
    base = write_model(home / "base")
    made = Watched(AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval())
    adapter = lora.read(write_adapter(base, home / "one", 1))
    return made, Fitter(made.config, made.dtype, made.device).fit("one", adapter)


@pytest.fixture
def batch(parts) -> Batch:
    return begin(parts)


def begin(parts, preamble=PREAMBLE, **more) -> Batch:
    decoder, deltas = parts
    decoder.passes = []
    made = Batch(decoder, (), preamble, **({"slots": 32, "room": 8000} | more))
    made.adapters["one"] = deltas
    return made


def asked(prompt, seed=1, adapter=None, sampling=PLAIN) -> Answer:
    return Answer(prompt, sampling.max_tokens, Sampler(replace(sampling, seed=seed)), adapter)


def run(batch: Batch, arrivals: list[tuple[int, Answer]]) -> list[list[int]]:
    """Let answers come in at given steps; what each said."""
    step, left = 0, list(arrivals)
    while left or len(batch):
        for each in [each for each in left if each[0] <= step]:
            batch.add(each[1])
            left.remove(each)
        batch.step()
        step += 1
    return [answer.sampler.said for _, answer in arrivals]


def prompt(number: int) -> list[int]:
    """Some with the preamble and some without, of many lengths."""
    own = [(number * 7 + n) % 250 + 2 for n in range(1 + number * 13 % 150)]
    return [*PREAMBLE, *own] if number % 3 else own


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40), st.sampled_from([None, "one"])), min_size=2, max_size=7)
)
def test_an_answer_is_the_same_alone_and_among_any_others_with_any_adapters(parts, come) -> None:
    together = run(begin(parts), [(at, asked(prompt(n), n, adapter)) for at, n, adapter in come])
    for (_, n, adapter), said in zip(come, together, strict=True):
        assert run(begin(parts, preamble=PREAMBLE), [(0, asked(prompt(n), n, adapter))]) == [said]


def test_the_preamble_is_computed_once_for_each_adapter(parts, batch) -> None:
    long = [*PREAMBLE, 5, 6, 7]
    first = run(batch, [(0, asked(long))])
    assert [sum(each) for each in parts[0].passes[:3]] == [CHUNK, len(PREAMBLE) - CHUNK, 3]
    parts[0].passes.clear()
    assert run(batch, [(0, asked(long))]) == first
    assert parts[0].passes[0] == [3]
    parts[0].passes.clear()
    other = run(batch, [(0, asked(long, adapter="one"))])
    assert parts[0].passes[0] == [CHUNK]
    assert other != first
    batch.forget("one")
    assert "one" not in batch.adapters


def test_a_long_prompt_is_read_beside_the_answers_a_chunk_at_a_time(parts, batch) -> None:
    run(batch, [(0, asked([4, 5])), (2, asked([3] * 200)), (2, asked([9] * 100))])
    assert parts[0].passes[:4] == [[2], [1], [1, CHUNK], [1, CHUNK]]
    assert all(sum(size > 1 for size in sizes) <= 1 for sizes in parts[0].passes)


def test_who_goes_makes_room_and_nobody_else_notices(parts, batch) -> None:
    batch = begin(parts, slots=1)
    first, second = asked([4, 5], sampling=replace(PLAIN, max_tokens=500)), asked([6, 7], 2)
    batch.add(first)
    batch.add(second)
    for _ in range(3):
        assert [answer for answer, _ in batch.step()] == [first]
    batch.remove(first)
    assert len(batch) == 1
    while len(batch):
        assert [answer for answer, _ in batch.step()] == [second]
    assert second.sampler.said == run(begin(parts), [(0, asked([6, 7], 2))])[0]
    batch.remove(second)  # has ended: nothing happens


def test_memory_bounds_how_many_run_and_one_alone_always_may(parts) -> None:
    batch = begin(parts, room=40)
    answers = [asked([4] * 20, n) for n in range(3)]  # 27 tokens of room each
    for each in answers:
        batch.add(each)
    said = [each for each, _ in batch.step()]
    assert said == answers[:1]
    assert len(run(batch, [(0, asked([5] * 100))])[0]) == PLAIN.max_tokens


def test_the_memory_holds_exactly_what_is_fed(batch) -> None:
    one = asked([4, 5, 6], sampling=replace(PLAIN, max_tokens=1))
    assert len(run(batch, [(0, one)])[0]) == 1
    assert (one.room, one.memory.length) == (3, 3)


def test_an_end_token_ends_an_answer_and_counts_as_drawn(parts) -> None:
    free = run(begin(parts), [(0, asked([4, 5]))])[0]
    batch = Batch(parts[0], free[2:3], (), 4, 1000)
    assert run(batch, [(0, asked([4, 5]))])[0] == free[: free.index(free[2]) + 1]


def test_clearing_tells_who_was_there(batch) -> None:
    answers = [asked([4, 5]), asked([6])]
    for each in answers:
        batch.add(each)
    batch.step()
    assert set(batch.clear()) == set(answers)
    assert not len(batch)
    assert batch.step() == []
