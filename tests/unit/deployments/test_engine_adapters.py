"""Adapters beside each other on one engine: none changes another's text, and a bad one leaves all as it was."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from deployments.chat import Turn
from deployments.engine.batched import BatchedEngine
from deployments.engine.transformers_engine import TransformersEngine
from deployments.generation import AdapterDoesNotFit, AdapterHasNoEffect, Sampling
from tests.unit.deployments.tiny_adapter import write_adapter
from tests.unit.train.tiny_model import write_model

ASKED = [Turn("user", "What is a firewall?")]
SHORT, LONG = (Sampling(tokens, temperature=1.0, seed=5) for tokens in (12, 40))


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(base, home / name, seed) for seed, name in enumerate(("one", "two"), 1)}


@pytest.fixture(params=[BatchedEngine, TransformersEngine])
def kind(request) -> type[BatchedEngine] | type[TransformersEngine]:
    return request.param


@pytest.fixture
def engine(kind, base: Path, adapters: dict[str, Path]) -> BatchedEngine | TransformersEngine:
    made = kind.load(base)
    for name, folder in adapters.items():
        made.add(name, folder)
    return made


async def alone(kind, base: Path, adapter: Path | None = None, sampling: Sampling | None = None) -> str:
    """What an engine says that has nothing but this adapter."""
    made = kind.load(base)
    if adapter:
        made.add("it", adapter)
    return await say(made, "it" if adapter else None, sampling or SHORT)


def held(engine: BatchedEngine | TransformersEngine) -> set[str]:
    """The adapters of which anything is left in the engine."""
    if isinstance(engine, BatchedEngine):
        return {name for name in engine._batch.adapters if name}
    weights = [name.split(".") for name, _ in engine.model.named_parameters() if "lora_" in name]
    return {parts[-2] for parts in weights}


async def say(
    engine: BatchedEngine | TransformersEngine, adapter: str | None = None, sampling: Sampling = SHORT
) -> str:
    async with aclosing(engine.stream(engine.chat.encode(ASKED), sampling, adapter)) as pieces:
        return "".join([piece.text async for piece in pieces])


async def test_two_adapters_and_the_base_interleaved_say_what_each_says_alone(kind, engine, base, adapters) -> None:
    each = [await alone(kind, base, folder) for folder in (None, *adapters.values())]
    assert len(set(each)) == 3
    together = await asyncio.gather(*(say(engine, name) for name in (None, "one", "two") * 2))
    assert together == each * 2


async def test_adapters_that_come_and_go_during_a_stream_change_nothing_of_it(kind, engine, base, adapters) -> None:
    expected = await say(engine, "one", LONG)
    running = asyncio.create_task(say(engine, "one", LONG))
    await asyncio.sleep(0)
    await asyncio.to_thread(engine.drop, "two")
    await asyncio.to_thread(engine.add, "three", adapters["two"])
    meanwhile = await say(engine, "three")
    assert await running == expected
    assert meanwhile == await alone(kind, base, adapters["two"])


async def test_with_all_adapters_dropped_the_base_computes_what_it_did(kind, engine, base) -> None:
    for name in ("one", "two"):
        engine.drop(name)
    assert await say(engine) == await alone(kind, base)
    assert held(engine) == set()


def test_adapters_are_kept_in_the_bases_precision(base, adapters) -> None:
    engine = TransformersEngine.load(base, adapters["one"])
    kinds = {weight.dtype for name, weight in engine.model.named_parameters() if "lora_" in name}
    assert kinds == {torch.bfloat16}


def rewritten(folder: Path, target: Path, **changes: object) -> Path:
    """A copy with another configuration, or with tensors changed by `tensors`."""
    target.mkdir()
    change = changes.pop("tensors", lambda tensors: tensors)
    save_file(change(load_file(folder / "adapter_model.safetensors")), target / "adapter_model.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text()) | changes
    (target / "adapter_config.json").write_text(json.dumps(config))
    return target


def without_one(tensors: dict) -> dict:
    return dict(list(tensors.items())[1:])


def without_base(tensors: dict) -> dict:
    return {name: tensor for name, tensor in tensors.items() if "base_layer" not in name}


def with_nan(tensors: dict) -> dict:
    return {name: torch.full_like(tensor, float("nan")) for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"r": 4}, "expected"),  # another rank than its tensors
        ({"target_modules": ["q_proj"]}, "no tensor"),
        ({"target_modules": ["nowhere"]}, "nowhere"),
        ({"target_modules": ["q_proj", "v_proj", "down_proj", "input_layernorm"]}, "not supported"),
        ({"tensors": without_one}, "came none"),
        ({"tensors": with_nan}, "finite"),
        ({"bias": "all"}, "bias"),  # would change the base's own weights
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"peft_type": "LOHA"}, "expected"),
    ],
)  # fmt: skip
async def test_an_adapter_that_does_not_fit_is_refused_and_the_others_still_serve(
    engine, adapters, tmp_path, changes, why
) -> None:
    before = [await say(engine, name) for name in (None, "one", "two")]
    with pytest.raises(AdapterDoesNotFit, match=why):
        engine.add("bad", rewritten(adapters["one"], tmp_path / "bad", **changes))
    assert held(engine) == {"one", "two"}
    assert [await say(engine, name) for name in (None, "one", "two")] == before
    engine.add("good", adapters["one"])
    assert await say(engine, "good") == before[1]


async def test_an_adapter_of_a_wider_model_is_refused(engine, tmp_path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    wide = LlamaConfig(vocab_size=258, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    LlamaForCausalLM(wide).save_pretrained(tmp_path / "wide")
    with pytest.raises(AdapterDoesNotFit, match="expected"):
        engine.add("wide", write_adapter(tmp_path / "wide", tmp_path / "adapter", 1))
    assert await say(engine, "one")


async def test_an_adapter_without_effect_is_refused_and_leaves_nothing(engine, base, tmp_path) -> None:
    before = await say(engine, "one")
    with pytest.raises(AdapterHasNoEffect):
        engine.add("zero", write_adapter(base, tmp_path / "zero", 1, scale=0.0))
    assert held(engine) == {"one", "two"}
    assert await say(engine, "one") == before


def test_files_that_are_no_adapter_are_named(engine, tmp_path) -> None:
    with pytest.raises(AdapterDoesNotFit, match="lacks"):
        engine.add("torn", tmp_path)
    (tmp_path / "adapter_config.json").write_text("{")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(AdapterDoesNotFit, match=tmp_path.name):
        engine.add("torn", tmp_path)


async def test_layers_that_are_not_fused_are_refused_by_the_batched_engine(base, tmp_path) -> None:
    engine = BatchedEngine.load(base)
    saved = write_adapter(base, tmp_path / "saved", 1, target_modules=["embed_tokens", "q_proj"])
    with pytest.raises(AdapterDoesNotFit, match="attention and MLP"):
        engine.add("words", rewritten(saved, tmp_path / "words", tensors=without_base))
    assert await say(engine) == await alone(BatchedEngine, base)
