"""Linear layers whose weights lie as the processor's matrix unit wants them.

oneDNN reorders a weight on every call unless that was done before; for one row that reordering costs as much as the
product. Each row is computed for itself: how many stand together changes no bit of any (a test holds this). oneDNN has
another way for a single row, which rounds otherwise; FEWEST rows take no longer than one.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Linear = Callable[[Any], Any]  # rows [n, in] to rows [n, out]
FEWEST = 4
_ROWS = 8  # for which a layout is chosen; it serves any number


def linear(weight: Any, bias: Any = None) -> Linear:
    """A layer [out, in] for inference, packed where it lies on a CPU with oneDNN."""
    if weight.device.type != "cpu" or not torch._C._has_mkldnn:
        return lambda rows: functional.linear(rows, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    product = torch.ops.mkldnn._linear_pointwise
    return lambda rows: product(rows, packed, bias, "none", [], "")
