"""How torch is to use the machine: in which precision, and on how many cores."""

import os

import torch


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it, else float32, which a CPU without it computes several times faster."""
    if device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.float32
    return torch.bfloat16


def leave_a_core() -> None:
    """Whatever else runs needs a core too: torch threads that wait for a busy core slow all of them down."""
    torch.set_num_threads(min(4, max(1, (os.cpu_count() or 1) - 1)))
