"""A language model of 100,000 weights and a teaching set of a few rows, made for tests: real files, real formats."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from train.teaching.rows import SCHEMA

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_model(folder: Path, seed: int = 0) -> Path:
    """A Llama with two layers and bytes for words."""
    folder.mkdir(parents=True, exist_ok=True)
    special = ["<|im_start|>", "<|im_end|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({word: n for n, word in enumerate([*special, *letters])}, []))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": special[0], "eos_token": special[1], "pad_token": special[1]}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=258, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_rows(folder: Path, count: int = 40, **columns: object) -> Path:
    """A teaching set with rows of every verdict and split; `columns` overwrite those of all rows."""
    folder.mkdir(parents=True, exist_ok=True)
    families = (
        ("define", "answer"),
        ("relation", "answer"),
        ("refuse", "refuse"),
        ("lesson", "teach"),
        ("benign", "answer"),
    )
    rows = []
    for number in range(count):
        family, verdict = families[number % len(families)]
        messages = [
            {"role": "user", "content": f"What is thing {number} of {family}?"},
            {"role": "assistant", "content": f"Thing {number} is {family}, and its number is {number * 7}."},
        ]
        row = dict.fromkeys(SCHEMA.names) | {
            "id": hashlib.sha256(f"{number}".encode()).hexdigest()[:32], "messages": messages, "family": family,
            "verdict": verdict, "split": ("train", "train", "train", "dev", "test")[number // 2 % 5],
            "template_id": f"{family}/1.1", "template_split": "train", "object_ids": [f"X-{number}"], "source": ["own"],
            "license": "CC0-1.0", "shard": "own", "credits": [], "origins": [], "canary": False,
        }  # fmt: skip
        rows.append(row | columns)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "part-0000.parquet")
    return folder
