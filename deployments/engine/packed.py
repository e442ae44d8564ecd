"""Linear layers whose weights lie as the processor's matrix unit wants them.

oneDNN reorders a weight on every call unless that was done before; for one row that reordering costs as much as the
product. Each row is computed for itself: how many stand together changes no bit of any (a test holds this). oneDNN has
another way for a single row, which rounds otherwise; FEWEST rows take no longer than one.
"""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Linear = Callable[[Any], Any]  # rows [n, in] to rows [n, out]
FEWEST = 4
_ROWS = 8  # for which a layout is chosen; it serves any number


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it, else float32, which a CPU without it computes several times faster."""
    if device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.float32
    return torch.bfloat16


def leave_a_core() -> None:
    """Whatever else runs needs a core too: torch threads that wait for a busy core slow all of them down."""
    torch.set_num_threads(min(4, max(1, (os.cpu_count() or 1) - 1)))


def linear(weight: Any, bias: Any = None) -> Linear:
    """A layer [out, in] for inference, packed where it lies on a CPU with oneDNN."""
    if weight.device.type != "cpu" or not torch._C._has_mkldnn:
        return lambda rows: functional.linear(rows, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    product = torch.ops.mkldnn._linear_pointwise
    return lambda rows: product(rows, packed, bias, "none", [], "")
