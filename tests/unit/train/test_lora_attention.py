"""Attention within conversations is what a mask over the whole block gives, in value and in gradient."""

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from tests.unit.train.tiny_model import write_model
from train.errors import ModelError
from train.lora.attention import by_conversation
from train.lora.base import load_base, with_adapter
from train.lora.packing import Block
from train.lora.plan import Plan
from train.lora.scoring import Scorer, collate

PLAN = Plan(rank=4, dtype="fp32")
CPU = torch.device("cpu")


def block(*sizes: int) -> Block:
    places = tuple(place for size in sizes for place in range(size))
    ids = tuple(3 + (7 * at) % 60 for at in range(len(places)))
    return Block(ids, places, ids)


def gradients(scorer: Scorer, blocks: list[Block]) -> tuple[float, list[torch.Tensor]]:
    scorer.zero_grad()
    nats = scorer(*collate(blocks, CPU))
    torch.autograd.backward(nats)
    return float(nats.detach()), [weight.grad.clone() for weight in scorer.parameters() if weight.grad is not None]


@pytest.mark.parametrize("blocks", [[block(40)], [block(1, 2, 30), block(5)], [block(9, 9, 9), block(20, 7)]])
def test_it_is_masked_attention_over_the_block(tmp_path, blocks) -> None:
    torch.manual_seed(1)
    scorer = Scorer(with_adapter(load_base(write_model(tmp_path / "tiny"), PLAN, CPU), PLAN))
    for weight in scorer.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.05)
    ours, own_way = gradients(scorer, blocks)
    scorer.model.get_base_model().set_attn_implementation("sdpa")
    theirs, masked = gradients(scorer, blocks)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert len(own_way) == len(masked) > 0
    for one, other in zip(own_way, masked, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_model_whose_attention_it_cannot_be_is_refused(tmp_path) -> None:
    config = MistralConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, sliding_window=8,
    )  # fmt: skip
    model = MistralForCausalLM(config)
    by_conversation(model)
    ids = torch.ones(1, 9, dtype=torch.long)
    assert model(input_ids=ids[:, :8]).logits.shape == (1, 8, 64)
    with pytest.raises(ModelError, match="came a sliding window of 8"):
        model(input_ids=ids)
