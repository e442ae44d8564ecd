"""The model garden: its entries, folders that are and are not models, and memory counted tensor by tensor."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch.autograd.graph import saved_tensors_hooks
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from deployments import garden
from deployments.garden import GardenError, NoWeights, UnknownModel, UsualPlan
from deployments.shape import RUNTIME, Shape

GARDEN = garden.load()
CONFIGS = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
SIZES = {
    "vocab_size": 128, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete model folder, its weights in two shards."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "config.json").write_text(json.dumps({"model_type": "llama"} | SIZES))
    (made / "tokenizer.json").write_text("{}")
    (made / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    for number, size in enumerate((5, 7), 1):
        save_file({f"w{number}": torch.zeros(size, 3)}, made / f"model-{number}.safetensors", {"format": "pt"})
    shards = {"w1": "model-1.safetensors", "w2": "model-2.safetensors"}
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    save_file({"w1": torch.zeros(5, 3)}, made / "consolidated.safetensors")  # the same weights in another layout
    return made


def family(name: str) -> str:
    return next((kind for kind in ("mistral", "qwen2", "qwen3") if name.startswith(kind)), "llama")


@pytest.mark.parametrize("name", GARDEN)
def test_an_entry_has_the_parameters_that_transformers_builds(name: str) -> None:
    shape = GARDEN[name].shape
    sizes = shape.model_dump(exclude={"qkv_bias", "qk_norm"})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIGS[family(name)](**sizes))
    assert sum(each.numel() for each in model.parameters()) == shape.parameters
    linear = [each for part, each in model.model.layers.named_parameters() if part.endswith("proj.weight")]
    assert sum(each.numel() for each in linear) == shape.linear


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_shape_reads_the_config_that_transformers_writes(kind: str, tmp_path: Path) -> None:
    config = CONFIGS[kind](**SIZES)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    shape = Shape.of_config(json.loads((tmp_path / "config.json").read_text()))
    assert shape.parameters == garden.parameters(tmp_path) == sum(each.numel() for each in model.parameters())


def test_a_config_without_a_size_is_named() -> None:
    with pytest.raises(ValueError, match="expected intermediate_size, found no such size"):
        Shape.of_config({name: size for name, size in SIZES.items() if name != "intermediate_size"})


def kept_by_a_layer(dtype: torch.dtype, tokens: int, *, again: bool) -> int:
    """Bytes that autograd holds for one layer more, weights left out."""

    def kept(layers: int) -> int:
        config = LlamaConfig(**(SIZES | {"num_hidden_layers": layers}))
        model = AutoModelForCausalLM.from_config(config, dtype=dtype).requires_grad_(False)
        if again:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.enable_input_require_grads()
        tuned = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")).train()
        weights, found = {each.untyped_storage().data_ptr() for each in tuned.parameters()}, {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                found[storage.data_ptr()] = (storage.nbytes(), tensor)  # the tensor stays, so its place is not reused
            return tensor

        ids = torch.zeros(1, tokens, dtype=torch.long)
        with saved_tensors_hooks(note, lambda tensor: tensor):
            state = tuned.base_model.model.model(
                input_ids=ids, position_ids=torch.arange(tokens)[None], use_cache=False
            )
        assert state is not None
        return sum(size for size, _ in found.values())

    return kept(3) - kept(2)


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "bf16"), (torch.float32, "fp32")])
def test_activations_are_those_that_autograd_keeps(dtype: torch.dtype, name: str) -> None:
    shape = Shape.model_validate(SIZES)
    assert kept_by_a_layer(dtype, 32, again=False) == 32 * shape.layer_activations(4, name)
    assert kept_by_a_layer(dtype, 32, again=True) == 32 * 64 * dtype.itemsize


def test_an_adapter_has_the_parameters_that_peft_makes() -> None:
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SIZES))
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    count = sum(each.numel() for each in tuned.parameters() if each.requires_grad)
    assert Shape.model_validate(SIZES).adapter(4) == count


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GARDEN)), st.integers(1, 64), st.integers(1, 8), st.integers(16, 4096))
def test_more_wants_more_memory(name: str, rank: int, micro: int, length: int) -> None:
    entry = GARDEN[name]
    plan = UsualPlan(rank=rank, micro=micro, length=length)

    def need(chosen: UsualPlan = plan, quantise: str = "none") -> int:
        return garden.room_for(entry, quantise=quantise, training=True, plan=chosen)

    assert need() > RUNTIME + 2 * entry.shape.parameters
    assert need(quantise="4bit") < need()
    assert need(UsualPlan(rank, micro, length, checkpointing=True)) <= need()
    assert need(UsualPlan(rank, micro, length, dtype="fp32")) > need()
    assert need(UsualPlan(rank + 1, micro, length)) > need()
    assert need(UsualPlan(rank, micro, length + 1)) > need()


def test_names_and_licences_are_told() -> None:
    assert {"smollm2-135m-instruct", "llama-3.1-8b-instruct", "foundation-sec-8b-instruct"} <= set(GARDEN)
    assert [name for name, entry in GARDEN.items() if entry.package] == ["smollm2-135m-instruct"]
    assert all(entry.licence and entry.licence_url for entry in GARDEN.values())


def test_a_name_that_is_none_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"one of smollm2.*'gpt-9' is neither"):
        garden.resolve("gpt-9", tmp_path)


def test_absent_weights_come_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    revision = GARDEN["llama-3.1-8b-instruct"].revision
    with pytest.raises(NoWeights, match=rf"hf download meta-llama/Llama-3.1-8B-Instruct --revision {revision}"):
        garden.resolve("llama-3.1-8b-instruct", tmp_path)
    with pytest.raises(NoWeights, match=r"--revision COMMIT .*no revision is pinned"):
        garden.resolve("foundation-sec-8b-instruct", tmp_path)


def test_a_folder_is_taken_and_its_template_written_out(folder: Path) -> None:
    assert garden.resolve(str(folder), folder.parent) == folder
    assert (folder / "chat_template.jinja").read_text() == "{{ messages }}"
    assert garden.parameters(folder) == 36
    shape = Shape.model_validate(SIZES)
    assert garden.room_for(folder) == shape.to_answer(garden.CACHE, "none", 36)


def test_an_entry_is_looked_for_under_models(folder: Path) -> None:
    named = folder.rename(folder.parent / "qwen3-4b")
    assert garden.resolve("qwen3-4b", folder.parent) == named


def test_one_of_several_templates_is_the_default(folder: Path) -> None:
    templates = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": templates}))
    garden.resolve(str(folder), folder.parent)
    assert (folder / "chat_template.jinja").read_text() == "yes"


def spoil_missing(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def spoil_code(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "model.py"}}))


def spoil_pickle(folder: Path) -> None:
    for path in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80")


def spoil_shard(folder: Path) -> None:
    (folder / "model-2.safetensors").unlink()


def spoil_template(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")


def spoil_json(folder: Path) -> None:
    (folder / "config.json").write_text("[1")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_missing, "tokenizer.json not found"),
        (spoil_code, "never run"),
        (spoil_pickle, "only pytorch_model.bin, which is not taken"),
        (spoil_shard, "names model-2.safetensors, not found"),
        (spoil_template, "expected a chat template"),
        (spoil_json, "expected JSON"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(spoil, said: str, folder: Path) -> None:
    spoil(folder)
    with pytest.raises(NoWeights, match=said):
        garden.resolve(str(folder), folder.parent)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "expected entries"), ("a: {hub: x/y}", "a.revision: Field required"), ("a: 3", "a: Input should be")],
)
def test_a_garden_with_a_fault_names_it(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(GardenError, match=said):
        garden.load(tmp_path / "models.yaml")
