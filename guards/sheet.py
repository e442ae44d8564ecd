"""What graphs are drawn on: nodes and constants of ONNX, and linear layers in 8 bits that stay close to fp32.

Weights are symmetric int8 with one scale for each output; activations are 8 bits with one step for each token, found
while the graph runs. That alone is nearly three times as far from fp32 as finer blocks, and the cause is a handful of
numbers far larger than their neighbours, which set the step for all. Those stay in fp32, in products of their own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensors = Mapping[str, Array]

WIDTH, EPSILON = 384, 1e-12  # of the public encoder
# its states that are largest beside the median one, up to 27 times
LOUD = (63, 94, 99, 157, 163, 223, 232, 238, 252, 267, 303, 322, 338, 347, 363, 383)
FLOOR = 0.17  # gelu is never below -0.16997, so what it gives plus this needs no sign
CONTRIB = "com.microsoft"


def quantise(weights: Array) -> tuple[Array, Array]:
    """Symmetric int8, row by row: numbers from -127 to 127, and one scale for each row."""
    scales = np.abs(weights).max(-1) / np.float32(127)
    scales[scales == 0] = 1
    return np.rint(weights / scales[:, None]).astype(np.int8), scales


class Digits(NamedTuple):
    """Tokens in 8 bits: `numbers` less `zero` times `steps`, one step a token. All are names of tensors."""

    numbers: str
    steps: str
    zero: str


class States(NamedTuple):
    """States of tokens three ways: as they are, in 8 bits without the loud ones, and the loud ones alone."""

    whole: str
    digits: Digits
    loud: str


class Sheet:
    """Nodes and constants of a graph in the making. Tokens are rows: there is no axis for a batch."""

    def __init__(self, weights: Tensors) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._share()

    def _share(self) -> None:
        """What many nodes use: constants, `tokens` (their count) and `middles` (128 for each)."""
        from onnx import numpy_helper

        for name, number in {"unit": 1.0, "signed.part": 1 / 127, "unsigned.part": 1 / 255, "floor": FLOOR}.items():
            self.constant(name, np.array(number, np.float32))
        for name, zero in {"signed.zero": 128, "unsigned.zero": 0}.items():
            self.constant(name, np.array(zero, np.uint8))
        for name, numbers in {"zero": [0], "one": [1], "loud": list(LOUD)}.items():
            self.constant(name, np.array(numbers, np.int64))
        self.constant("quiet", np.isin(np.arange(WIDTH), LOUD, invert=True).astype(np.float32))
        tokens = self.node("Shape", ["ids"], "tokens", start=1)
        self.node("ConstantOfShape", [tokens], "middles", value=numpy_helper.from_array(np.array([128], np.uint8)))

    def constant(self, name: str, array: Array) -> str:
        """Name an array."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
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

    def layer(self, *names: str) -> tuple[Array, Array]:
        """Weight and bias of linear layers over the same input, their outputs side by side."""
        weight, bias = (np.concatenate([self.weights[f"{n}.{part}"] for n in names]) for part in ("weight", "bias"))
        return weight, bias

    def digits(self, source: str, *, signed: bool = True) -> Digits:
        """Tokens to 8 bits, the largest number of each at the end of the range; unsigned ones use all of it."""
        kind = "signed" if signed else "unsigned"
        size = self.node("Abs", [source], f"{source}.size") if signed else source
        peak = self.node("ReduceMax", [size, "one"], f"{source}.peak", keepdims=1)
        steps = self.node("Mul", [peak, f"{kind}.part"], f"{source}.steps")
        inputs = [source, self.node("Squeeze", [steps, "one"], f"{source}.flat"), *["middles"][:signed]]
        return Digits(self.node("QuantizeLinear", inputs, f"{source}.digits", axis=0), steps, f"{kind}.zero")

    def product(self, digits: Digits, output: str, numbers: Array, scales: Array) -> str:
        """Tokens times weights, both in 8 bits; the sums are exact."""
        inputs = [digits.numbers, self.constant(f"{output}.weight", numbers.T), "unit",
                  self.constant(f"{output}.scale", scales), digits.zero]  # fmt: skip
        sums = self.node("MatMulIntegerToFloat", inputs, f"{output}.sums", CONTRIB)
        return self.node("Mul", [sums, digits.steps], f"{output}.product")

    def exact(self, source: str, output: str, weight: Array, bias: Array) -> str:
        """A linear layer in fp32."""
        inputs = [source, self.constant(f"{output}.weight", weight), self.constant(f"{output}.bias", bias)]
        return self.node("Gemm", inputs, output, transB=1)

    def normalised_sum(self, left: str, right: str, output: str, norm: str) -> str:
        """Layer norm of a sum. onnxruntime's fused operator took 0.10 ms at 64 tokens, these two under 0.02 ms."""
        inputs = [
            self.node("Add", [left, right], f"{output}.sum"),
            self.constant(f"{output}.gamma", self.weights[f"{norm}.weight"]),
            self.constant(f"{output}.beta", self.weights[f"{norm}.bias"]),
        ]
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=EPSILON)

    def states(self, whole: str) -> States:
        """Make states ready for `dense`."""
        quiet = self.node("Mul", [whole, "quiet"], f"{whole}.quiet")
        return States(whole, self.digits(quiet), self.node("Gather", [whole, "loud"], f"{whole}.loud", axis=1))

    def dense(self, states: States, output: str, weight: Array, bias: Array) -> str:
        """A linear layer over states: in 8 bits, but for the loud states."""
        quiet, loud = weight.copy(), list(LOUD)
        quiet[:, loud] = 0
        kept = self.exact(states.loud, f"{output}.exact", weight[:, loud], bias)
        return self.node("Add", [self.product(states.digits, output, *quantise(quiet)), kept], output)
