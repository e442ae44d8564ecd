"""Our forward pass beside transformers' own, and a row beside other rows."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from deployments.engine import decoder, lora
from deployments.engine.decoder import Decoder, Span
from deployments.engine.fused_lora import Fitter
from deployments.engine.packed import FEWEST, linear
from tests.unit.deployments.tiny_adapter import write_adapter
from tests.unit.train.tiny_model import write_model

SIZES = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 4096,
}  # fmt: skip
CONFIGS = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama-scaled": LlamaConfig(
        **SIZES,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        },
    ),
    "llama-biased": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "mistral": MistralConfig(**SIZES, sliding_window=None, head_dim=16),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=32),
}  # fmt: skip
PROMPT = [7, 30, 200, 5, 5, 19, 250, 101, 64, 3, 88]


def random_model(config, folder: Path):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).eval()
    for name, weight in model.named_parameters():  # else norms are ones and biases zeros
        weight.data.normal_(std=0.3, mean=1.0 if "norm" in name else 0.0)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_it_computes_what_transformers_does(name, tmp_path) -> None:
    model = random_model(CONFIGS[name], tmp_path)
    assert decoder.fits(tmp_path)
    ours = Decoder(model)
    memory = ours.memory(1200)
    with torch.inference_mode():
        whole = model(input_ids=torch.tensor([PROMPT])).logits[0]
    first = ours.logits([Span(PROMPT[:6], memory)])[0]
    torch.testing.assert_close(first, whole[5], rtol=1e-3, atol=1e-3)
    for at in range(6, len(PROMPT)):
        torch.testing.assert_close(ours.logits([Span([PROMPT[at]], memory)])[0], whole[at], rtol=1e-3, atol=1e-3)
    long = [n % 300 for n in range(1100)]  # further than the angles that were computed at first
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([long]), logits_to_keep=1).logits[0, -1]
    torch.testing.assert_close(ours.logits([Span(long, ours.memory(1100))])[0], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(**SIZES, sliding_window=16),
        Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=16),
        LlamaConfig(**SIZES, hidden_act="gelu"),
        GPT2Config(n_embd=64, n_layer=2, n_head=4),
    ],
)
def test_a_model_of_another_shape_is_left_to_transformers(config, tmp_path) -> None:
    config.save_pretrained(tmp_path)
    assert not decoder.fits(tmp_path)


@pytest.mark.parametrize(("wide", "high"), [(576, 960), (576, 576), (576, 3072), (1536, 576), (576, 48), (48, 960)])
def test_a_row_is_the_same_bits_among_any_others(wide, high) -> None:
    torch.manual_seed(2)
    rows, layer = torch.randn(72, wide).bfloat16(), linear(torch.randn(high, wide).bfloat16())
    all_of_them = layer(rows)
    assert all(torch.equal(layer(rows[:count]), all_of_them[:count]) for count in range(FEWEST, 72))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_packed_weights_give_the_product(dtype) -> None:
    torch.manual_seed(3)
    rows, weight, bias = torch.randn(5, 40).to(dtype), torch.randn(24, 40).to(dtype), torch.randn(24).to(dtype)
    expected = torch.nn.functional.linear(rows.float(), weight.float(), bias.float())
    torch.testing.assert_close(linear(weight, bias)(rows).float(), expected, rtol=2e-2, atol=5e-2)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"target_modules": ["gate_proj", "o_proj", "k_proj"], "lora_alpha": 3},
        {"target_modules": "all-linear", "use_rslora": True, "lora_alpha": 5, "rank": 3},
        {"rank_pattern": {"v_proj": 4}, "alpha_pattern": {"down_proj": 9}, "layers_to_transform": [1]},
    ],
)
def test_an_adapter_adds_what_peft_adds(shape, tmp_path) -> None:
    base = write_model(tmp_path / "base")
    adapter = write_adapter(base, tmp_path / "adapter", 4, **shape)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    ours = Decoder(model)
    deltas = Fitter(model.config, torch.float32, ours.device).fit("it", lora.read(adapter))
    plain = ours.logits([Span(PROMPT, ours.memory(20))])[0]
    ids = torch.tensor([[token % 258 for token in PROMPT]])
    with torch.inference_mode():
        expected = PeftModel.from_pretrained(model, adapter)(input_ids=ids, logits_to_keep=1).logits[0, -1]
    came = ours.logits([Span(PROMPT, ours.memory(20))], deltas)[0]
    torch.testing.assert_close(came, expected, rtol=1e-3, atol=1e-3)
    assert (came - plain).abs().max() > 0.01
