"""The whole command on a language model of 100,000 weights and real files."""

import json

import pytest
import torch
from safetensors.torch import save_file

from deployments.engine.transformers_engine import TransformersEngine
from tests.unit.train.evaluation_sets import write_public, write_teaching
from tests.unit.train.tiny_model import write_model
from train import evaluate
from train.evaluation import mcq, perplexity
from train.evaluation.items import Item
from train.evaluation.report import Evaluation


def write_adapter(folder, strength):
    """LoRA on the value projections of both layers."""
    folder.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": ["v_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    random, tensors = torch.Generator().manual_seed(1), {}
    for layer in range(2):
        name = f"base_model.model.model.layers.{layer}.self_attn.v_proj"
        tensors[f"{name}.lora_A.weight"] = torch.randn(2, 64, generator=random) * strength
        tensors[f"{name}.lora_B.weight"] = torch.randn(32, 2, generator=random) * strength
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    write_model(root / "model")
    write_adapter(root / "adapter", 0.5)
    write_teaching(root / "teaching", each=3)
    write_public(root / "data", each=3)
    return root


def arguments(site, out, **more):
    given = {
        "model": site / "model", "adapter": site / "adapter", "teaching": site / "teaching", "data": site / "data",
        "out": out, "profile": "smoke",
    } | more  # fmt: skip
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def test_a_model_that_learned_nothing_does_not_pass_and_a_second_call_asks_nothing(site, tmp_path, capsys):
    assert evaluate.main(arguments(site, tmp_path)) == 1
    told = Evaluation.read(tmp_path / "evaluation.json")
    assert not told.passed
    assert any(reason.startswith("relations: must improve") for reason in told.reasons)
    assert told.candidate.model_digest != told.champion.model_digest == told.base.digest
    before_and_after = {each.name: each for each in told.measures}["perplexity"]
    assert before_and_after.before.value != before_and_after.after.value
    page = (tmp_path / "evaluation.md").read_text()
    assert "The gate does not hold" in page
    assert "| relations |" in page
    assert (tmp_path / "evaluation.svg").read_text().count("<circle") > 10
    capsys.readouterr()
    assert evaluate.main(arguments(site, tmp_path)) == 1
    assert capsys.readouterr().out.count("answered by an earlier call") == 2
    again = Evaluation.read(tmp_path / "evaluation.json")
    assert again.measures == told.measures


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"adapter": "nowhere"}, "expected an adapter"),
        ({"model": "no-such-model"}, "expected a folder or one of"),
        ({"teaching": "nowhere"}, "expected Parquet files"),
        ({"data": "nowhere"}, "expected JSON Lines"),
        ({"num_workers": -1}, "expected --num-workers"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_leaves_nothing(site, tmp_path, capsys, change, sentence):
    out = tmp_path / "out"
    change = {name: tmp_path / value if value == "nowhere" else value for name, value in change.items()}
    assert evaluate.main(arguments(site, out, **change)) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_nats_are_the_models_own_loss(site):
    engine = TransformersEngine.load(site / "model")
    item = Item("a", "perplexity", "weigh", "What?", reference="This and that.")
    prompt, answer = engine.chat.encode(item.turns), engine.chat.encode_answer(item.reference)
    ids = torch.tensor([[*prompt, *answer]])
    labels = torch.tensor([[*[-100] * len(prompt), *answer]])
    with torch.inference_mode():
        loss = float(engine.model(input_ids=ids, labels=labels).loss)
    told = perplexity.weigh(engine.model, engine.chat, item)
    assert told.tokens == len(answer)
    assert told.bytes == len("This and that.")
    assert told.nats / told.tokens == pytest.approx(loss, rel=1e-2)


def test_the_likeliest_letter_is_picked(site):
    engine = TransformersEngine.load(site / "model")
    item = Item("a", "mcq.x", "pick", "Which?\nA) a\nB) b\nC) c\nD) d", reference="C")
    with torch.inference_mode():
        logits = engine.model(torch.tensor([engine.chat.encode(item.turns)])).logits[0, -1]
    said = mcq.pick(engine.model, engine.chat, item)
    assert said.letter == max("ABCD", key=lambda letter: float(logits[engine.chat.first(letter)]))
    assert mcq.right([item], {"a": said}) == [said.letter == "C"]
    assert mcq.majority([item]) == 1.0
