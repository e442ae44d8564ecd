"""Builds the graph that onnxruntime serves: the public encoder with our adapter merged in, its weights in int8.

The same files give the same bytes on every machine: only elementwise numpy is used, whose results IEEE 754 fixes,
never a matrix product, whose order of additions is the library's choice. So the graph need not be shipped; its
SHA-256 stands on the card. Needs neither torch nor transformers.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np

from guards.card import Card
from guards.errors import WeightsError
from guards.sheet import CONTRIB, FLOOR, Array, Sheet, Tensors, quantise

LAYERS, ATTENTION_HEADS = 6, 12  # of the public encoder
EXACT = 1  # blocks in fp32: an error in the first travels through all others
KEEN = 8  # neurons of each later block that stay in fp32
PROOF = 16 * 255 * 127  # what the output `proof` is where sums of int8 products are exact
_OPSETS = (("", 18), (CONTRIB, 1))
_IR_VERSION = 9


def build(folder: Path, base: Path, target: Path) -> str:
    """Write the graph of the weights and card in `folder` over the encoder in `base`; SHA-256 of the file `target`.

    The file appears whole or not at all. Raises WeightsError, and OSError when it cannot be written.
    """
    graph = assemble(folder, base)
    write(target, graph)
    return digest(graph)


def digest(graph: bytes) -> str:
    """The name of a graph on its card."""
    return hashlib.sha256(graph).hexdigest()


def write(target: Path, graph: bytes) -> None:
    """Put the file in its place at once, however many processes write it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, half = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(graph)
        Path(half).chmod(0o644)
        Path(half).replace(target)
    except BaseException:
        Path(half).unlink(missing_ok=True)
        raise


def assemble(folder: Path, base: Path) -> bytes:
    """The graph as bytes. Input `ids`: 1 x tokens, int64; outputs `override`: 1 x 1 and `intent`: 1 x 4, chances.

    A third output, `proof`, is less than PROOF where the processor's int8 products overflow in 16 bits.
    """
    card = Card.read(folder)
    trained = _read(folder / "guard.safetensors")
    try:
        weights = merge(_read(base / "model.safetensors"), trained, card)
        return _draw(weights, trained, card)
    except KeyError as error:
        raise WeightsError(f"expected tensors of MiniLM, its adapter and two heads, got no {error}") from error


def _read(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise WeightsError(f"{path.name}: expected tensors that numpy reads, got {error}") from error


def merge(base: Tensors, trained: Tensors, card: Card) -> dict[str, Array]:
    """The encoder's weights with every low-rank pair added (keys of peft: `base_model.model.NAME.lora_A.weight`)."""
    merged = dict(base)
    for key, down in trained.items():
        if key.startswith("heads.") or ".lora_B." in key:
            continue
        name = key.removeprefix("base_model.model.").replace(".lora_A.", ".")
        up, old = trained[key.replace(".lora_A.", ".lora_B.")], base[name]
        if (up.shape[0], down.shape[1]) != old.shape or up.shape[1] != down.shape[0]:
            raise WeightsError(f"{key}: expected a low-rank pair for {old.shape}, got {up.shape} and {down.shape}")
        merged[name] = (old + card.scaling(len(down)) * _product(up, down)).astype(np.float32)
    return merged


def _product(up: Array, down: Array) -> Array:
    """A matrix product whose order of additions is written down; double precision holds each product exactly."""
    up, down = up.astype(np.float64), down.astype(np.float64)
    total = np.zeros((len(up), down.shape[1]))
    for column, row in zip(up.T, down, strict=True):
        total += column[:, None] * row
    return total


def _draw(weights: Tensors, trained: Tensors, card: Card) -> bytes:
    from onnx import TensorProto, helper

    sheet = Sheet(weights)
    _proof(sheet)
    states = _embedded(sheet)
    for number in range(LAYERS):
        noted, thought = (_noted_exactly, _thought_exactly) if number < EXACT else (_noted, _thought)
        states = thought(sheet, noted(sheet, states, number), number)
    _heads(sheet, states, trained, card)
    outputs = {"override": [1, 1], "intent": [1, 4], "proof": [1, 1]}
    graph = helper.make_graph(
        sheet.nodes,
        "guard",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        sheet.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _proof(sheet: Sheet) -> None:
    """The largest sum of 16 products that there is; some processors without VNNI get it wrong."""
    ends = [np.full((1, 16), 255, np.uint8), np.full((16, 1), 127, np.int8)]
    names = [sheet.constant(f"proof.{side}", array) for side, array in zip(("left", "right"), ends, strict=True)]
    sheet.node("MatMulIntegerToFloat", [*names, "unit", "unit"], "proof", CONTRIB)


def _embedded(sheet: Sheet) -> str:
    """Token ids to the first states. The table is in half precision: int8 here cost a tenth of the closeness."""
    from onnx import TensorProto

    # there is one text, so its token type is always 0
    kinds = sheet.weights["embeddings.token_type_embeddings.weight"]
    places = sheet.weights["embeddings.position_embeddings.weight"] + kinds[0]
    words = sheet.constant("words", sheet.weights["embeddings.word_embeddings.weight"].astype(np.float16))
    row = sheet.node("Squeeze", ["ids", "zero"], "row")  # from here on tokens are rows, with no axis for a batch
    read = sheet.node("Cast", [sheet.node("Gather", [words, row], "picked")], "read", to=TensorProto.FLOAT)
    first = sheet.node("Slice", [sheet.constant("places", places), "zero", "tokens", "zero"], "places.first")
    return sheet.normalised_sum(read, first, "embedded", "embeddings.LayerNorm")


def _looks(name: str) -> list[str]:
    return [f"{name}.self.{kind}" for kind in ("query", "key", "value")]


def _seen(sheet: Sheet, looks: str, number: int) -> str:
    """What all heads attend to, from queries, keys and values side by side."""
    batch = sheet.node("Unsqueeze", [looks, "zero"], f"{number}.batch")  # attention wants one
    names = [f"{number}.{kind}" for kind in ("query", "key", "value")]
    parts = sheet.nodes_out("Split", [batch], names, axis=-1, num_outputs=3)
    seen = sheet.node("MultiHeadAttention", parts, f"{number}.attended", CONTRIB, num_heads=ATTENTION_HEADS)
    return sheet.node("Squeeze", [seen, "zero"], f"{number}.seen")


def _noted_exactly(sheet: Sheet, states: str, number: int) -> str:
    name = f"encoder.layer.{number}.attention"
    looks = sheet.exact(states, f"{number}.looks", *sheet.layer(*_looks(name)))
    mixed = sheet.exact(_seen(sheet, looks, number), f"{number}.mixed", *sheet.layer(f"{name}.output.dense"))
    return sheet.normalised_sum(mixed, states, f"{number}.noted", f"{name}.output.LayerNorm")


def _thought_exactly(sheet: Sheet, states: str, number: int) -> str:
    name = f"encoder.layer.{number}"
    wide = sheet.exact(states, f"{number}.wide", *sheet.layer(f"{name}.intermediate.dense"))
    fire = sheet.node("Gelu", [wide], f"{number}.gelu", CONTRIB)
    thought = sheet.exact(fire, f"{number}.thought", *sheet.layer(f"{name}.output.dense"))
    return sheet.normalised_sum(thought, states, f"{number}.states", f"{name}.output.LayerNorm")


def _noted(sheet: Sheet, states: str, number: int) -> str:
    """The first half of a block of BERT: attention, added to its input and normalised."""
    name = f"encoder.layer.{number}.attention"
    looks = sheet.dense(sheet.states(states), f"{number}.looks", *sheet.layer(*_looks(name)))
    digits = sheet.digits(_seen(sheet, looks, number))
    weight, bias = sheet.layer(f"{name}.output.dense")
    mixed = sheet.product(digits, f"{number}.mixed", *quantise(weight))
    mixed = sheet.node("Add", [mixed, sheet.constant(f"{number}.mixed.bias", bias)], f"{number}.mixed")
    return sheet.normalised_sum(mixed, states, f"{number}.noted", f"{name}.output.LayerNorm")


def _thought(sheet: Sheet, states: str, number: int) -> str:
    """The second half: a feed-forward network, added to its input and normalised.

    Its neurons with the largest weights behind them stay in fp32, and that also narrows the scales of all the others.
    """
    name = f"encoder.layer.{number}"
    (rise, before), (fall, after) = sheet.layer(f"{name}.intermediate.dense"), sheet.layer(f"{name}.output.dense")
    order = np.argsort(-np.abs(fall).max(0), kind="stable")
    keen, rest = np.sort(order[:KEEN]), np.sort(order[KEEN:])
    fire = sheet.exact(states, f"{number}.keen", rise[keen], before[keen])
    fire = sheet.node("Gelu", [fire], f"{number}.keen.gelu", CONTRIB)
    wide = sheet.dense(sheet.states(states), f"{number}.wide", rise[rest], before[rest])
    wide = sheet.node("Gelu", [wide], f"{number}.gelu", CONTRIB)
    digits = sheet.digits(sheet.node("Add", [wide, "floor"], f"{number}.lifted"), signed=False)
    numbers, scales = quantise(fall[:, rest])
    lift = (numbers.sum(1, dtype=np.int64) * scales.astype(np.float64) * FLOOR).astype(np.float32)
    kept = sheet.exact(fire, f"{number}.exact", fall[:, keen], after - lift)
    thought = sheet.node(
        "Add", [sheet.product(digits, f"{number}.thought", numbers, scales), kept], f"{number}.thought"
    )
    return sheet.normalised_sum(thought, states, f"{number}.states", f"{name}.output.LayerNorm")


def _heads(sheet: Sheet, states: str, trained: Tensors, card: Card) -> None:
    """Chances from the mean state. Temperatures are divided in here, so that the graph's digest names them too."""
    mean = sheet.node("ReduceMean", [states, "zero"], "mean", keepdims=1)
    for head, heat, chance in (("override", card.override, "Sigmoid"), ("intent", card.intent, "Softmax")):
        weight, bias = (trained[f"heads.{head}.{part}"] / np.float32(heat) for part in ("weight", "bias"))
        sheet.node(chance, [sheet.exact(mean, f"{head}.logits", weight, bias)], head)
