"""The vLLM driver on a stand-in for vLLM, which is not installed here; what the real one does is measured by
tests.bench.engines in an environment of its own."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from deployments.chat import Turn
from deployments.engine.drivers import NoDriver, load
from deployments.generation import AdapterDoesNotFit, AdapterHasNoEffect, EngineFull, Sampling
from tests.unit.deployments.tiny_adapter import write_adapter
from tests.unit.train.tiny_model import write_model


@dataclass
class Echo:
    """An AsyncLLM that says the prompt's own tokens, each moved by the number of the adapter that has an effect."""

    options: Any
    aborted: list[str] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    @classmethod
    def from_engine_args(cls, options: Any) -> "Echo":
        return cls(options)

    async def generate(self, prompt: Any, wishes: Any, number: str, lora_request: Any = None) -> Any:
        moved = lora_request.lora_int_id if lora_request and "zero" not in lora_request.lora_path else 0
        if lora_request and "broken" in lora_request.lora_path:
            raise ValueError("no such layer")
        try:
            for at in range(wishes.max_tokens):
                await asyncio.sleep(0)
                token = 40 + (prompt["prompt_token_ids"][at % len(prompt["prompt_token_ids"])] + moved) % 50
                chances = {token: SimpleNamespace(logprob=-0.5)}
                yield SimpleNamespace(outputs=[SimpleNamespace(token_ids=[token], logprobs=[chances])])
        except (GeneratorExit, asyncio.CancelledError):
            self.aborted.append(number)
            raise

    async def remove_lora(self, number: int) -> bool:
        self.removed.append(number)
        return True


@pytest.fixture
def vllm(monkeypatch) -> Iterator[None]:
    def named(**attributes: Any) -> SimpleNamespace:
        return SimpleNamespace(**attributes)

    parts = {
        "vllm": {"SamplingParams": named, "TokensPrompt": dict},
        "vllm.engine": {},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": named},
        "vllm.lora": {},
        "vllm.lora.request": {
            "LoRARequest": lambda name, number, path: named(lora_name=name, lora_int_id=number, lora_path=path)
        },
        "vllm.sampling_params": {"RequestOutputKind": named(DELTA="delta")},
        "vllm.v1": {},
        "vllm.v1.engine": {},
        "vllm.v1.engine.async_llm": {"AsyncLLM": Echo},
    }
    for name, attributes in parts.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    yield
    sys.modules.pop("deployments.engine.vllm_engine", None)


@pytest.fixture
def base(tmp_path) -> Path:
    return write_model(tmp_path / "base")


async def say(engine: Any, adapter: str | None = None, tokens: int = 6) -> str:
    prompt = engine.chat.encode([Turn("user", "Why?")])
    return "".join([piece.text async for piece in engine.stream(prompt, Sampling(tokens, seed=1), adapter)])


async def test_it_answers_as_the_base_and_as_each_adapter_and_forgets_one(vllm, base, tmp_path) -> None:
    engine = load(base, "vllm")
    assert engine._llm.options.enable_log_requests is False
    assert engine._llm.options.trust_remote_code is False
    engine.add("one", write_adapter(base, tmp_path / "one", 1))
    engine.add("two", write_adapter(base, tmp_path / "two", 2))
    said = await asyncio.gather(*(say(engine, name) for name in (None, "one", "two")))
    assert len(set(said)) == 3
    engine.drop("one")
    assert engine._llm.removed == [1]
    assert await say(engine, "two") == said[2]


async def test_an_adapter_that_has_no_effect_or_does_not_fit_is_refused(vllm, base, tmp_path) -> None:
    engine = load(base, "vllm")
    with pytest.raises(AdapterHasNoEffect, match="the same"):
        engine.add("zero", write_adapter(base, tmp_path / "zero", 1))
    with pytest.raises(AdapterDoesNotFit, match="no such layer"):
        engine.add("broken", write_adapter(base, tmp_path / "broken", 1))
    with pytest.raises(KeyError):
        await say(engine, "zero")


async def test_closing_a_stream_aborts_its_request_and_a_full_engine_says_so(vllm, base, monkeypatch) -> None:
    engine = load(base, "vllm")
    monkeypatch.setattr("deployments.engine.vllm_engine.SLOTS", 1)
    monkeypatch.setattr("deployments.engine.vllm_engine.WAITING", 0)
    prompt = engine.chat.encode([Turn("user", "Why?")])
    async with aclosing(engine.stream(prompt, Sampling(100_000))) as pieces:
        await anext(pieces)
        with pytest.raises(EngineFull, match="at most 1"):
            await say(engine)
    for _ in range(200):
        if engine._llm.aborted:
            break
        await asyncio.sleep(0.01)
    assert engine._llm.aborted == ["0"]
    assert await say(engine)


async def test_what_goes_wrong_inside_is_heard_by_who_asked(vllm, base) -> None:
    engine = load(base, "vllm")
    engine._adapters["bad"] = SimpleNamespace(lora_int_id=1, lora_path="broken")
    with pytest.raises(ValueError, match="no such layer"):
        await say(engine, "bad")


def test_without_vllm_the_driver_says_what_lacks(base) -> None:
    with pytest.raises(NoDriver, match="installed apart"):
        load(base, "vllm")


def test_a_driver_for_another_shape_is_refused_by_name(tmp_path) -> None:
    from transformers import GPT2Config

    GPT2Config(n_embd=64, n_layer=2, n_head=4).save_pretrained(tmp_path)
    with pytest.raises(NoDriver, match="expected a model of llama"):
        load(tmp_path, "batched")
