"""Builds the graph that onnxruntime serves: the public encoder with our adapter merged in, its weights in int8.

The same files give the same bytes on every machine: only elementwise numpy is used, whose results IEEE 754 fixes,
never a matrix product, whose order of additions is the library's choice. So the graph need not be shipped; its
SHA-256 stands on the card. Needs neither torch nor transformers.

Weights are symmetric int8 with one scale for each 32 inputs of an output; onnxruntime quantises activations the same
way, row by row, while it runs. One scale per output and per row was twice as fast and nearly three times as far off.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guards.card import Card
from guards.errors import WeightsError

Array = NDArray[Any]
Tensors = Mapping[str, Array]

LAYERS, ATTENTION_HEADS, EPSILON = 6, 12, 1e-12  # of the public encoder
BLOCK = 32
_CONTRIB = "com.microsoft"
_OPSETS = (("", 18), (_CONTRIB, 1))
_IR_VERSION = 9
_INT8 = 4  # accuracy level of MatMulNBits: multiply in int8


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
    """The graph as bytes. Input `ids`: 1 x tokens, int64; outputs `override`: 1 x 1 and `intent`: 1 x 4, chances."""
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


def quantise(weights: Array, block: int) -> tuple[Array, Array]:
    """Symmetric int8 over blocks of the last axis: numbers from -127 to 127, and one scale for each block."""
    blocks = weights.reshape(*weights.shape[:-1], -1, block)
    scales = np.abs(blocks).max(-1) / np.float32(127)
    scales[scales == 0] = 1
    return np.rint(blocks / scales[..., None]).astype(np.int8), scales


class _Sheet:
    """Nodes and constants of a graph in the making."""

    def __init__(self, weights: Tensors) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: Array) -> str:
        """Name an array."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator; its one output."""
        return self.nodes_out(kind, inputs, [output], domain, **attributes)[0]

    def nodes_out(
        self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add an operator; its outputs."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], domain=domain, **attributes))
        return outputs

    def dense(self, source: str, output: str, *layers: str) -> str:
        """Linear layers over the same input, their outputs side by side."""
        matrix = np.concatenate([self.weights[f"{layer}.weight"] for layer in layers])
        bias = np.concatenate([self.weights[f"{layer}.bias"] for layer in layers])
        numbers, scales = quantise(matrix, BLOCK)
        inputs = [
            source,
            self.constant(f"{output}.weight", (numbers.astype(np.int16) + 128).astype(np.uint8)),
            self.constant(f"{output}.scale", scales),
            "",
            "",
            self.constant(f"{output}.bias", bias),
        ]
        rows, columns = matrix.shape
        return self.node("MatMulNBits", inputs, output, _CONTRIB, N=rows, K=columns, bits=8, block_size=BLOCK,
                         accuracy_level=_INT8)  # fmt: skip

    def normalised_sum(self, left: str, right: str, output: str, norm: str) -> str:
        """Layer norm of a sum. onnxruntime's fused operator took 0.10 ms at 64 tokens, these two under 0.02 ms."""
        inputs = [
            self.node("Add", [left, right], f"{output}.sum"),
            self.constant(f"{output}.gamma", self.weights[f"{norm}.weight"]),
            self.constant(f"{output}.beta", self.weights[f"{norm}.bias"]),
        ]
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=EPSILON)


def _draw(weights: Tensors, trained: Tensors, card: Card) -> bytes:
    from onnx import TensorProto, helper

    sheet = _Sheet(weights)
    states = _embedded(sheet)
    for number in range(LAYERS):
        states = _layer(sheet, states, number)
    _heads(sheet, states, trained, card)
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        sheet.nodes,
        "guard",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info(name, floats, [1, size]) for name, size in (("override", 1), ("intent", 4))],
        sheet.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _embedded(sheet: _Sheet) -> str:
    """Token ids to the first states. The table is int8 too, one scale a token: a start reads a quarter of the bytes."""
    from onnx import TensorProto

    words = sheet.weights["embeddings.word_embeddings.weight"]
    # there is one text, so its token type is always 0
    kinds = sheet.weights["embeddings.token_type_embeddings.weight"]
    places = sheet.weights["embeddings.position_embeddings.weight"] + kinds[0]
    numbers, scales = quantise(words, words.shape[1])
    zero = sheet.constant("zero", np.array([0], np.int64))
    picked = sheet.node("Gather", [sheet.constant("words", numbers[:, 0]), "ids"], "picked")
    scale = sheet.node("Gather", [sheet.constant("words.scale", scales), "ids"], "picked.scale")
    read = sheet.node("Mul", [sheet.node("Cast", [picked], "picked.float", to=TensorProto.FLOAT), scale], "read")
    tokens = sheet.node("Shape", ["ids"], "tokens", start=1)
    first = sheet.node("Slice", [sheet.constant("places", places), zero, tokens, zero], "places.first")
    return sheet.normalised_sum(read, first, "embedded", "embeddings.LayerNorm")


def _layer(sheet: _Sheet, states: str, number: int) -> str:
    """One block of BERT: attention, then a feed-forward network, each added to its input and normalised."""
    name = f"encoder.layer.{number}"
    looks = [f"{name}.attention.self.{kind}" for kind in ("query", "key", "value")]
    joined = sheet.dense(states, f"{number}.looks", *looks)
    parts = sheet.nodes_out("Split", [joined], looks, axis=-1, num_outputs=3)
    seen = sheet.node("MultiHeadAttention", parts, f"{number}.seen", _CONTRIB, num_heads=ATTENTION_HEADS)
    mixed = sheet.dense(seen, f"{number}.mixed", f"{name}.attention.output.dense")
    noted = sheet.normalised_sum(mixed, states, f"{number}.noted", f"{name}.attention.output.LayerNorm")
    wide = sheet.dense(noted, f"{number}.wide", f"{name}.intermediate.dense")
    thought = sheet.dense(sheet.node("Gelu", [wide], f"{number}.gelu", _CONTRIB), f"{number}.thought",
                          f"{name}.output.dense")  # fmt: skip
    return sheet.normalised_sum(thought, noted, f"{number}.states", f"{name}.output.LayerNorm")


def _heads(sheet: _Sheet, states: str, trained: Tensors, card: Card) -> None:
    """Chances from the mean state. Temperatures are divided in here, so that the graph's digest names them too."""
    mean = sheet.node("ReduceMean", [states, sheet.constant("one", np.array([1], np.int64))], "mean", keepdims=0)
    for head, heat, chance in (("override", card.override, "Sigmoid"), ("intent", card.intent, "Softmax")):
        weight, bias = (trained[f"heads.{head}.{part}"] / np.float32(heat) for part in ("weight", "bias"))
        inputs = [mean, sheet.constant(f"{head}.weight", weight), sheet.constant(f"{head}.bias", bias)]
        sheet.node(chance, [sheet.node("Gemm", inputs, f"{head}.logits", transB=1)], head)
