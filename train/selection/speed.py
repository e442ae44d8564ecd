"""How fast a model reads and writes, alone and one request at a time, and how much memory its process took."""

import resource
import statistics
import time
from pathlib import Path
from typing import Any

from train.selection.outcome import Score

READ, WRITTEN, ROUNDS = 256, 32, 3  # tokens of the prompt, tokens after it, and of how many rounds the median counts
_CLEAR, _PEAK_ONLY = Path("/proc/self/clear_refs"), "5"


def measure(model: Any, context: int) -> tuple[Score, Score]:
    """Tokens per second in prefill and in decoding: medians, with the slowest and the fastest round as their range."""
    read = min(READ, context // 2)
    rounds = [_round(model, read) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    return (
        _rate("prefill", [read / seconds for seconds, _ in rounds]),
        _rate("decoding", [WRITTEN / seconds for _, seconds in rounds]),
    )


def forget_peak() -> None:
    """Begin the count of the peak anew, where the kernel can (Linux); else it is that of the whole process."""
    try:
        _CLEAR.write_text(_PEAK_ONLY)
    except OSError:
        return


def peak(model: Any) -> Score:
    """The most memory held: of the GPU where the model is on one, else of this process since `forget_peak`."""
    value = _on_gpu(model) or _resident()
    return Score(name="peak memory", group="cost", unit="bytes", better="lower", value=value, n=1)


def _on_gpu(model: Any) -> int:
    import torch

    device = next(model.parameters()).device
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def _resident() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _rate(name: str, seen: list[float]) -> Score:
    value, low, high = statistics.median(seen), min(seen), max(seen)
    return Score(name=name, group="cost", unit="rate", better="higher", value=value, low=low, high=high, n=len(seen))


def _round(model: Any, read: int) -> tuple[float, float]:
    """Seconds to read a prompt of arbitrary tokens, and to write after it, whatever is written."""
    import torch

    ids = (torch.arange(read)[None] * 7919) % model.config.vocab_size
    ids = ids.to(next(model.parameters()).device)
    with torch.inference_mode():
        start = time.perf_counter()
        out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        token = int(out.logits[0, -1].argmax())  # an int must be there: a GPU is waited for
        between = time.perf_counter()
        for _ in range(WRITTEN):
            ids = ids.new_tensor([[token]])
            out = model(input_ids=ids, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
            token = int(out.logits[0, -1].argmax())
        return between - start, time.perf_counter() - between
